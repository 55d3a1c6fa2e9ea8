"""Networks of timm by name: what is known of them before any is built, what is refused, what they give."""

import fnmatch

import pytest
import timm
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from benchmarks.finished_rows import read_rows
from benchmarks.timm_backbones import PAGE, ROWS, with_table
from choices import CONF
from lightning_modules.backbones.pretrained import resolve_initial_weights
from lightning_modules.backbones.reparametrised import BranchError, reparametrise
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights, ModelError
from lightning_modules.backbones.timm_models import TimmModel, spec_of
from lightning_modules.execution import PLAIN, adopt, in_layout

DEFAULT = BackboneSpec.from_config(OmegaConf.to_container(OmegaConf.load(CONF / "backbone" / "timm.yaml").spec))
START = InitialWeights("random", "own", (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize("model", ["repvit_m0_9", "mobilenetv3_small_050", "edgenext_xx_small", "test_vit"])
def test_the_features_are_timms(model):
    torch.manual_seed(0)
    backbone = TimmModel(model, 1.0, START).eval()
    side = spec_of(model, DEFAULT).default_resolution
    images = torch.rand(2, 3, side, side)
    with torch.inference_mode():
        given = backbone.pooled(backbone(images)[-1])
        torch.testing.assert_close(given, backbone.network(images))
    assert given.shape == (2, backbone.num_features)
    assert {one.eps for one in backbone.modules() if isinstance(one, torch.nn.BatchNorm2d)} == {
        one.eps for one in timm.create_model(model).modules() if isinstance(one, torch.nn.BatchNorm2d)
    }


def test_the_spec_is_asked_of_timm():
    spec = spec_of("repvit_m0_9", DEFAULT, 96)
    about = timm.get_pretrained_cfg("repvit_m0_9")
    assert (spec.name, spec.stride, spec.default_resolution) == ("repvit_m0_9", 32, about.input_size[1])
    assert (spec.mean, spec.std) == (about.mean, about.std)
    assert [one.hub for one in spec.pretrained[1.0]] == [about.hf_hub_id]
    assert BackboneSpec.from_config(OmegaConf.to_container(OmegaConf.create(spec.plain))) == spec


@pytest.mark.parametrize(
    ("model", "resolution", "said"),
    [
        ("repvit_m09", None, "no such network; nearest repvit_m0_9"),
        ("hf-hub:timm/repvit_m0_9.dist_300e_in1k", None, "no such network"),
        ("local-dir:/tmp", None, "no such network"),
        ("levit_128s", 96, "resolution=96: levit_128s is not made for it; want 224"),
        ("mobilevitv2_050", None, "does not become a file"),
    ],
)
def test_what_cannot_be_is_one_line(model, resolution, said):
    with pytest.raises(ModelError, match=said) as raised:
        spec_of(model, DEFAULT, resolution)
    assert "\n" not in str(raised.value)
    if said.startswith("no such"):
        with pytest.raises(ModelError, match=said):
            TimmModel(model, 1.0, START)


def test_weights_come_from_a_file_without_the_classifiers(tmp_path):
    """RepViT has two, one of them for a teacher."""
    torch.manual_seed(1)
    given = timm.create_model("repvit_m0_9")
    save_file(given.state_dict(), tmp_path / "given.safetensors")
    start = resolve_initial_weights(spec_of("repvit_m0_9", DEFAULT), 1.0, str(tmp_path / "given.safetensors"), tmp_path)
    backbone = TimmModel("repvit_m0_9", 1.0, start)
    for name, value in backbone.network.state_dict().items():
        torch.testing.assert_close(value, given.state_dict()[name])


@pytest.mark.parametrize("model", ["repvit_m0_9", pytest.param("mobileone_s0", marks=pytest.mark.slow), pytest.param("fastvit_t8", marks=pytest.mark.slow)])  # fmt: skip
def test_branches_are_joined_with_the_same_features(model):
    backbone = TimmModel(model, 1.0, START).train()
    with torch.no_grad():
        backbone(torch.randn(4, 3, 64, 64))
    backbone.eval()
    images = torch.randn(1, 3, 64, 64)
    count = sum(1 for _ in backbone.modules())
    with torch.inference_mode():
        before = backbone(images)[-1]
        reparametrise(backbone, images)
        far = (backbone(images)[-1] - before).abs().max() / before.abs().max()
    assert far < 1e-4  # as an export asks for; random starts of MobileOne have features of 1e9
    assert sum(1 for _ in backbone.modules()) < count


def test_branches_that_are_joined_wrongly_are_refused(monkeypatch):
    backbone = TimmModel("repvit_m0_9", 1.0, START).eval()
    joined = type(backbone.network.stages[0].blocks[0].token_mixer).fuse

    def wrong(self):
        found = joined(self)
        found.weight.data.mul_(1.5)
        return found

    monkeypatch.setattr(type(backbone.network.stages[0].blocks[0].token_mixer), "fuse", wrong)
    with pytest.raises(BranchError, match="changes its features"):
        reparametrise(backbone, torch.randn(1, 3, 64, 64))


def test_the_page_and_what_is_refused_are_what_was_measured():
    rows = read_rows(ROWS)
    assert with_table(PAGE.read_text(), rows) == PAGE.read_text()
    failed = [row["model"] for row in rows if not row["float32_kb"]]
    assert [one for one in failed if not any(fnmatch.fnmatch(one, pattern) for pattern in DEFAULT.refused)] == []
    assert all(any(fnmatch.fnmatch(one, pattern) for one in failed) for pattern in DEFAULT.refused)


def test_mobileone_is_trained_with_channels_first_alone():
    backbone = adopt(TimmModel("mobileone_s0", 1.0, START), PLAIN)
    images = in_layout(torch.rand(2, 3, 64, 64), PLAIN)
    maps = backbone(images)
    assert all(one.is_contiguous() for one in (*backbone.parameters(), *maps))
    assert not in_layout(torch.rand(2, 3, 64, 64), PLAIN).is_contiguous()
