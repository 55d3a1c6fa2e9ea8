"""Tuning under rounding: folding changes nothing, rounding is int8's, and what is learnt survives the file."""

import numpy as np
import pytest
import torch
from torch import nn

from datamodules.base.loaders import CellBatch
from export.float_file import FloatFile
from export.quantization_aware import (
    RoundedActivation,
    RoundedWeight,
    fold_batch_norm,
    quantization_aware,
    rounded,
)
from export.quantize import int8_qat
from tasks.grading_files import GradeModel
from tests.export.made import pictures, random_module

BACKBONES = ["mobilenet", "mobilenetv4_conv_small"] + [
    pytest.param(name, marks=pytest.mark.slow) for name in ("mobilenetv2", "efficientnet_b0", "mobilenetv3_small")
]


def batches(count: int, size: int = 8, seed: int = 0) -> list[CellBatch]:
    made = []
    for number in range(count):
        images = torch.from_numpy(pictures(size, 64, seed=seed + number)).permute(0, 3, 1, 2)
        made.append(CellBatch(images, torch.zeros(size, dtype=torch.int64), torch.ones(size)))
    return made


def chances_of(module, images):
    with torch.inference_mode():
        return module.head.probabilities(module.eval()(images))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_folding_leaves_no_batch_norm_and_the_same_outputs(backbone) -> None:
    module = random_module(backbone).eval()
    images = batches(1)[0].images
    with torch.inference_mode():
        before = module(images)
    fold_batch_norm(module.network, images)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in module.network.modules())
    with torch.inference_mode():
        torch.testing.assert_close(module(images), before, atol=2e-3, rtol=1e-3)


def test_weights_are_rounded_to_255_levels_of_their_channel() -> None:
    weight = torch.randn(4, 3, 3, 3) * torch.tensor([1.0, 10, 0.01, 0]).view(-1, 1, 1, 1)
    given = RoundedWeight()(weight)
    for channel in range(3):
        scale = weight[channel].abs().max() / 127
        steps = given[channel] / scale
        torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
        assert (given[channel] - weight[channel]).abs().max() <= scale / 2 * 1.001
    assert not given[3].any()


def test_activations_are_rounded_inside_a_range_that_follows() -> None:
    rounding = RoundedActivation().train()
    values = torch.linspace(-1, 3, 1001)
    given = rounding(values)
    assert len(given.unique()) <= 256
    assert (given - values).abs().max() <= 4 / 255
    assert (given == 0).any()
    rounding(values * 3)
    assert rounding.high.item() == pytest.approx(3 + 0.05 * 6)
    rounding.eval()
    rounding(values * 100)
    assert rounding.high.item() == pytest.approx(3.3)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_rounding_ends_with_its_block(backbone) -> None:
    module = random_module(backbone).eval()
    images = batches(1)[0].images
    fold_batch_norm(module.network, images)
    with torch.inference_mode():
        before = module(images)
    with rounded(module.network) as roundings, torch.inference_mode():
        inside = module(images)
    assert len(roundings) > 20
    assert (inside - before).abs().max() > 1e-3
    with torch.inference_mode():
        torch.testing.assert_close(module(images), before, atol=0, rtol=0)


def distance_when_rounded(network, images, wanted) -> float:
    with rounded(network.network) as roundings:
        for rounding in roundings:
            rounding.train()
        for at in range(0, len(images), 8):
            chances_of(network, images[at : at + 8])
        for rounding in roundings:
            rounding.eval()
        return float((chances_of(network, images) - wanted).abs().mean())


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ordinal", "corn"])
def test_tuning_brings_the_rounded_network_nearer_to_its_own_float(encoding) -> None:
    module = random_module("mobilenetv2", width=0.35, encoding=encoding)
    kept = {name: value.clone() for name, value in module.state_dict().items()}
    made = batches(8)
    tuned = quantization_aware(module, [made] * 6, steps=48, lr=1e-5)  # its outputs are chaotic: small steps
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, kept[name], atol=0, rtol=0)
    images = torch.cat([batch.images for batch in made])
    wanted = chances_of(module, images)
    plain = random_module("mobilenetv2", width=0.35, encoding=encoding).eval()
    fold_batch_norm(plain.network, made[0].images)
    assert distance_when_rounded(tuned, images, wanted) < distance_when_rounded(plain, images, wanted)


def test_a_loss_that_is_no_number_stops(monkeypatch) -> None:
    module = random_module("mobilenet", width=0.25)
    monkeypatch.setattr(type(module.head), "sample_losses", lambda *_: torch.full((8,), np.nan))
    with pytest.raises(FloatingPointError, match="smaller lr"):
        quantization_aware(module, [batches(1)], steps=1, lr=1e-4)


def test_the_file_of_the_tuned_network_keeps_the_same_bound_and_its_notes_are_the_record_s() -> None:
    bound, images = object(), pictures(2, 8)
    source = FloatFile(b"", images, GradeModel, retrain=lambda *_: FloatFile(b"tuned", images, GradeModel), bound=bound)

    def then(tuned: FloatFile) -> bytes:
        assert tuned.bound is bound
        tuned.notes["said"] = "here"
        return tuned.data

    assert int8_qat(source, epochs=1, lr=0.1, then=then) == b"tuned"
    assert source.notes == {"said": "here"}
