"""Parts of a network are frozen and slowed down as they are asked to be, for every backbone of the house."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from omegaconf import OmegaConf

from choices import ROOT
from heads.one_hot import OneHot
from lightning_modules import schedules
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights
from lightning_modules.base import TrainingSettings
from lightning_modules.data_parallel import Rows
from lightning_modules.fine_tuning import FineTuning
from lightning_modules.grading import GradingModule
from lightning_modules.networks.classifier import GradeNetwork
from tests.backbones import BACKBONES
from training.build import partial_from_config

CONF = ROOT / "conf"
START = InitialWeights("random", "same", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def module_of(label_smoothing=0.0, mixup=0.0, **settings):
    torch.manual_seed(0)
    adam = partial(torch.optim.Adam, lr=0.01)
    module = GradingModule(
        MobileNet(0.25, START),
        OneHot(3),
        TrainingSettings(adam, schedules.constant, **settings),
        dropout=0.0,
        label_smoothing=label_smoothing,
        mixup=mixup,
    )
    module.trainer = SimpleNamespace(estimated_stepping_batches=10)
    return module


@pytest.mark.parametrize("backbone_name", BACKBONES)
def test_every_backbone_divides_into_layers_from_the_image_upwards(backbone_name):
    cfg = OmegaConf.load(CONF / "backbone" / f"{backbone_name}.yaml")
    spec = BackboneSpec.from_config(OmegaConf.to_container(cfg.spec, resolve=True))
    start = replace(START, padding=spec.padding)
    backbone = partial_from_config(cfg, exclude=("spec", "weights"))(width=spec.widths[0], start=start)
    network = GradeNetwork(backbone, 3, 0.5)
    groups = FineTuning(rate_decay=0.5).rates(network)
    every = [id(parameter) for parameters, _ in groups for parameter in parameters]
    assert sorted(every) == sorted(id(parameter) for parameter in network.parameters())
    shares = [share for _, share in groups]
    assert len(shares) >= 1 + len(backbone.strides)
    assert shares == sorted(shares)
    assert shares[-2:] == [0.5, 1.0]
    assert id(next(iter(network.parameters()))) in {id(parameter) for parameter in groups[0][0]}


def test_head_then_top_then_everything():
    tuning = FineTuning(head_epochs=1, top_epochs=1, top_share=0.3)
    network = module_of().network
    for epoch, least, most in ((0, 0.0, 0.0), (1, 0.3, 0.9), (2, 1.0, 1.0), (0, 0.0, 0.0)):
        tuning.freeze(network, epoch)
        inner = list(network.backbone.parameters())
        trained = sum(p.numel() for p in inner if p.requires_grad) / sum(p.numel() for p in inner)
        assert least <= trained <= most
        assert network.linear.weight.requires_grad
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                assert layer.training == layer.weight.requires_grad


def test_a_frozen_backbone_does_not_move_at_all():
    module = module_of(fine_tuning=FineTuning(head_epochs=5))
    before = {name: value.clone() for name, value in module.network.backbone.state_dict().items()}
    head = module.network.linear.weight.detach().clone()
    optimizer = module.configure_optimizers()
    module.fine_tuning.freeze(module.network, 0)
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    module.head.loss(module(images), torch.tensor([0, 1, 2, 0])).backward()
    optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in module.network.backbone.state_dict().items())
    assert not torch.equal(module.network.linear.weight, head)


def test_rates_fall_towards_the_image():
    optimizer = module_of(fine_tuning=FineTuning(rate_decay=0.5)).configure_optimizers()
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates[-1] == pytest.approx(0.01)
    assert rates[-2] == pytest.approx(0.005)
    assert rates == sorted(rates)
    assert len(module_of().configure_optimizers().param_groups) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"head_epochs": -1}, "fine_tuning.head_epochs=-1: want 0 or more"),
        ({"top_share": 0}, "fine_tuning.top_share=0: want more than 0"),
        ({"rate_decay": 1.5}, "fine_tuning.rate_decay=1.5: want more than 0 and at most 1"),
    ],
)
def test_nonsense_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        FineTuning(**settings)


def batch_of(images, labels, weights):
    return SimpleNamespace(images=images, labels=labels, weights=weights)


def test_smoothing_and_mixup_keep_images_labels_and_weights_together():
    torch.manual_seed(0)
    images = torch.tensor([10.0, 200.0, 50.0]).view(3, 1, 1, 1).expand(3, 3, 8, 8).to(torch.uint8)
    batch = batch_of(images, torch.tensor([0, 1, 2]), torch.tensor([1.0, 3.0, 0.5]))
    _, labels, weights = module_of(label_smoothing=0.3).prepared(batch, Rows((len(batch.labels),)))
    torch.testing.assert_close(labels, torch.eye(3) * 0.7 + 0.1)
    assert torch.equal(weights, batch.weights)
    mixed, labels, weights = module_of(mixup=0.4).prepared(batch, Rows((len(batch.labels),)))
    # each row is a blend of two samples with one share, in pixels, in label and in weight alike
    for row in range(3):
        first, second = row, (row - 1) % 3
        share = (mixed[row, 0, 0, 0] - images[second, 0, 0, 0]) / (
            1.0 * images[first, 0, 0, 0] - images[second, 0, 0, 0]
        )
        votes = (
            share * batch.weights[first] * torch.eye(3)[first]
            + (1 - share) * batch.weights[second] * torch.eye(3)[second]
        )
        torch.testing.assert_close(weights[row], votes.sum())
        torch.testing.assert_close(labels[row], votes / votes.sum())


def test_nothing_asked_for_changes_nothing():
    batch = batch_of(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), torch.ones(2))
    images, labels, weights = module_of().prepared(batch, Rows((len(batch.labels),)))
    assert images is batch.images
    assert labels is batch.labels
    assert weights is batch.weights
