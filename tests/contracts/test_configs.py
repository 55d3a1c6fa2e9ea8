"""Every file in conf/ composes and keeps its contract; a new yaml is picked up by itself."""

from functools import cache
from itertools import zip_longest

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from choices import ROOT, names_of
from choices.__main__ import axes, described
from cli.train_schema import register
from export.comparison import FileComparison
from jobs.leakage import data_set_class, pictures_of
from lightning_modules.backbones.pretrained import resolve_initial_weights
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights
from metrics.lookup import metrics_of
from tasks.base import Task
from tests.backbones import BACKBONES, NAMES
from training.build import NON_HEAD_KEYS, partial_from_config

CONF = ROOT / "conf"
NO_AXES = ("hydra", "experiment", "sweep", "finalist", "study", "profile", "__pycache__")
UNDER_OWN_NAME = ("quantization", "latency", "check", "format")
"""Axes of which several can be chosen."""
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name not in NO_AXES)
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]

register()


@cache
def composed(*overrides):
    """Read and left as it is."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=list(overrides))


def together():
    """Every choice once: the backbones alone, as other tests ask for them; of all other axes one choice each at a time."""
    others = [[choice for of, choice in CHOICES if of == group] for group in GROUPS if group != "backbone"]
    names = [group for group in GROUPS if group != "backbone"]
    many = [dict(zip(names, chosen, strict=True)) for chosen in zip_longest(*others)]
    return [{"backbone": name} for name in NAMES] + [{of: one for of, one in each.items() if one} for each in many]


@pytest.mark.parametrize("chosen", together(), ids=lambda chosen: next(iter(chosen.values())))
def test_every_choice_composes(chosen):
    cfg = composed(*(f"{group}={choice}" for group, choice in chosen.items()))
    for group, choice in chosen.items():
        node = cfg["check" if (group, choice) == ("latency", "arm") else group]  # it gives no time
        assert choice == choice.lower()
        if group in UNDER_OWN_NAME:
            assert list(node) == [choice]
            node = node[choice]
        if group not in ("logger", "paths", "callbacks", "export", "trainer"):
            assert node._target_


@pytest.mark.parametrize("axis", axes())
def test_every_choice_says_in_its_first_line_what_it_is(axis):
    assert [name for name in names_of(axis) if not described(axis, name)] == []


@cache
def said(choice):
    """What a file of conf says, without the half second that Hydra takes to compose all of it."""
    return OmegaConf.load(CONF / f"{choice}.yaml")


def start_of(spec):
    return InitialWeights("random", spec.padding, spec.mean, spec.std)


def spec_of(choice):
    return BackboneSpec.from_config(OmegaConf.to_container(said(f"backbone/{choice}").spec))


def build(choice, width, start, **settings):
    return partial_from_config(composed(f"backbone={choice}").backbone, exclude=("spec", "weights"))(
        width=width, start=start, **settings
    )


@pytest.mark.parametrize("choice", BACKBONES)
def test_the_spec_is_whole(choice):
    spec = spec_of(choice)
    assert spec.name == choice
    assert spec.default_width in spec.widths
    assert spec.default_resolution >= spec.stride
    assert set(spec.pretrained) <= set(spec.widths)
    assert all(one.file or one.hub for many in spec.pretrained.values() for one in many)


@pytest.mark.parametrize("choice", BACKBONES)
def test_feature_maps_are_as_published(choice):
    spec = spec_of(choice)
    backbone = build(choice, spec.widths[0], start_of(spec)).eval()
    with torch.no_grad():
        maps = backbone(torch.zeros(2, 3, 64, 96))
    assert backbone.strides == tuple(backbone.strides[0] * 2**place for place in range(len(backbone.strides)))
    assert backbone.strides[0] in (1, 2)
    assert backbone.strides[-1] == spec.stride
    assert len(maps) == len(backbone.strides) == len(backbone.out_channels)
    for feature, stride, channels in zip(maps, backbone.strides, backbone.out_channels, strict=True):
        assert tuple(feature.shape) == (2, channels, 64 // stride, 96 // stride)


@pytest.mark.parametrize("choice", BACKBONES)
def test_every_parameter_takes_part(choice):
    spec = spec_of(choice)
    backbone = build(choice, spec.widths[0], start_of(spec)).train()
    backbone.pooled(backbone(torch.randn(2, 3, 64, 64))[-1]).sum().backward()
    assert [name for name, parameter in backbone.named_parameters() if parameter.grad is None] == []


@pytest.mark.slow
@pytest.mark.parametrize(("choice", "width"), [(c, w) for c in NAMES for w in spec_of(c).widths])
def test_every_width_builds_and_takes_other_channels(choice, width):
    backbone = build(choice, width, start_of(spec_of(choice)), in_channels=1).eval()
    with torch.no_grad():
        assert backbone(torch.zeros(1, 1, 64, 64))[-1].shape[1] == backbone.out_channels[-1]


@pytest.mark.parametrize("choice", BACKBONES)
def test_hub_names_and_scaling_are_timms(choice):
    import timm

    for candidates in spec_of(choice).pretrained.values():
        for candidate in candidates:
            if candidate.hub:
                known = timm.get_pretrained_cfg(candidate.hub.removeprefix("timm/"))
                assert known.hf_hub_id == candidate.hub
                assert (known.mean, known.std) == (candidate.mean, candidate.std)


ENCODINGS = [choice for group, choice in CHOICES if group == "encoding"]
TASKS = [choice for group, choice in CHOICES if group == "task"]
DATA_SETS = [choice for group, choice in CHOICES if group == "datamodule"]
TARGETS_OF = {choice: list(said(f"encoding/{choice}").targets) for choice in ENCODINGS}
OF_MASKS, OF_SETS, OF_NUMBERS, OF_GRADES = (
    [choice for choice in ENCODINGS if targets in TARGETS_OF[choice]]
    for targets in ("masks", "label_sets", "numbers", "grades")
)


def head_of(choice, classes):
    return partial_from_config(composed(f"encoding={choice}").encoding, exclude=NON_HEAD_KEYS)(num_classes=classes)


@pytest.mark.parametrize("choice", ENCODINGS)
def test_what_an_encodings_yaml_says_is_what_its_head_is(choice):
    node, head = composed(f"encoding={choice}").encoding, head_of(choice, 3)
    assert list(node.targets) == list(head.targets)
    assert node.get("needs_ordered_classes", False) == head.needs_ordered_classes
    assert node.get("output_per_class", True) == head.output_per_class


@pytest.mark.parametrize("choice", TASKS)
def test_every_task_composes_alone_and_is_what_its_yaml_says(choice):
    cfg = composed(f"task={choice}")
    task = instantiate(cfg.task)
    assert isinstance(task, Task)
    assert task.targets in cfg.encoding.targets
    assert metrics_of(choice).template.is_file()
    assert task.view.is_file()
    assert issubclass(task.file_comparison, FileComparison)
    assert data_set_class(cfg.datamodule)


@pytest.mark.parametrize("choice", DATA_SETS)
def test_what_is_asked_of_a_data_set_before_it_is_read_needs_no_more_than_its_settings(choice):
    settings = OmegaConf.to_container(composed(f"datamodule={choice}").datamodule, resolve=True)
    for trained in (True, False):
        assert all(one.kind for one in pictures_of(settings, trained=trained))
    assert "root" in data_set_class(settings).location_keys


@pytest.mark.parametrize("choice", OF_SETS)
def test_every_encoding_of_sets_of_labels_keeps_the_head_contract(choice):
    head = head_of(choice, 3)
    logits = torch.randn(7, head.num_outputs, requires_grad=True)
    loss = head.loss(logits, torch.rand(7, 3) > 0.5, torch.ones(7))
    loss.backward()
    assert head.probabilities(logits).shape == head.decode(logits).shape == (7, 3)
    pixelwise = head.loss(logits[..., None, None], (torch.ones(7, 3) > 0)[..., None, None])
    assert pixelwise.item() == pytest.approx(head.loss(logits, torch.ones(7, 3) > 0).item())


@pytest.mark.parametrize("choice", OF_MASKS)
def test_every_encoding_of_masks_keeps_the_head_contract(choice):
    head = head_of(choice, 3)
    logits = torch.randn(7, head.num_outputs, 4, 6, requires_grad=True)
    loss = head.loss(logits, torch.rand(7, 3, 4, 6) > 0.5, torch.ones(7))
    assert loss.shape == ()
    loss.backward()
    assert head.probabilities(logits).shape == head.decode(logits).shape == (7, 3, 4, 6)
    assert head.decode(logits).dtype == torch.bool
    assert head.loss(logits, head.labels_like(logits)).isfinite()


@pytest.mark.parametrize("choice", OF_NUMBERS)
def test_every_encoding_of_numbers_keeps_the_head_contract(choice):
    head = head_of(choice, 3)
    logits = torch.randn(7, head.num_outputs, requires_grad=True)
    loss = head.loss(logits, torch.rand(7, 1), torch.ones(7))
    assert loss.shape == ()
    loss.backward()
    assert head.decode(logits).shape == (7, 1)
    assert head.loss(logits, head.labels_like(logits)).isfinite()


@pytest.mark.parametrize("choice", OF_GRADES)
def test_every_encoding_keeps_the_head_contract(choice):
    head = head_of(choice, 5)
    logits = torch.randn(7, head.num_outputs, requires_grad=True)
    labels = torch.randint(0, 5, (7,))
    assert head.loss(logits, head.labels_like(logits)).isfinite()
    loss = head.loss(logits, labels, torch.ones(7))
    assert loss.shape == ()
    loss.backward()
    assert head.probabilities(logits).shape == (7, 5)
    assert head.decode(logits).dtype == torch.int64


@pytest.mark.parametrize("choice", BACKBONES)
def test_weights_resolve_without_a_network(choice, tmp_path, monkeypatch):
    monkeypatch.setattr("lightning_modules.backbones.pretrained._reachable", lambda url: False)
    spec = spec_of(choice)
    start = resolve_initial_weights(spec, spec.default_width, "auto", tmp_path)
    assert start.origin == "random"
    with pytest.raises(ValueError, match=r"backbone\.weights=imagenet"):
        resolve_initial_weights(spec, spec.default_width, "imagenet", tmp_path)
