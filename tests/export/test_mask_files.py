"""Segmenters as files: every kind marks what torch marks, in any shape, and bits mean what they say."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from export import flatbuffer, quantize
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from lightning_modules.backbones.spec import InitialWeights
from tasks.grading_files import GradeModel
from tasks.segmentation_files import MaskModel, mask_answer
from tests.backbones import NAMES
from tests.contracts.test_configs import composed, spec_of
from tests.export.made import pictures
from tests.export.test_files import PLAIN
from training.build import build_module
from training.trainer import seed_everything

QUICK = ("plain_unet",)


def marking_module(backbone, classes=3, size=(64, 96), width=None, seed=0):
    """A module whose masks differ from image to image: batch statistics from noise, logits spread around 0."""
    seed_everything(seed)
    cfg = deepcopy(composed(f"backbone={backbone}", "task=segmentation", "encoding=bce"))
    spec = spec_of(backbone)
    cfg.width = spec.default_width if width is None else width
    module = build_module(cfg, InitialWeights("random", spec.padding, spec.mean, spec.std), classes)
    images = torch.from_numpy(pictures(8, max(size))[:, : size[0], : size[1]]).permute(0, 3, 1, 2)
    module.train()
    with torch.no_grad():
        for _ in range(12):
            module(images)
        logits = module.eval()(images)
        last = [layer for layer in module.network.last.modules() if isinstance(layer, torch.nn.Conv2d)][-1]
        last.weight.mul_(2 / logits.std())
        last.bias.sub_(module(images).mean(dim=(0, 2, 3)))
    return module


def files_of(backbone, size=(64, 96)):
    module = marking_module(backbone, size=size)
    model = deployable(module, size, mask_answer)
    return module, model, to_float32(to_onnx(model, size, model.outputs))


def check(backbone):
    module, model, data = files_of(backbone)
    images = pictures(6, 96)[:, :64]
    with torch.inference_mode():
        (chances,) = model(torch.from_numpy(images.astype(np.float32)))
        masks = module.head.decode(module(torch.from_numpy(images).permute(0, 3, 1, 2)))
    assert 0.1 < masks.float().mean() < 0.9
    assert ((chances > 0.5).permute(0, 3, 1, 2) == masks).float().mean() > 0.9999
    file = MaskModel(data)
    assert file.input_shape == (1, 64, 96, 3)
    given = list(file.answers(images))
    np.testing.assert_allclose(np.array([one for (one,) in given]), chances.numpy(), atol=1e-4)
    source = quantize.FloatFile(data, images, kind=MaskModel)
    kinds = {
        "float16": quantize.float16(source),
        "dynamic": quantize.dynamic(source),
        "int8": quantize.int8(source, **PLAIN),
    }
    for name, made in kinds.items():
        apart = MaskModel.change(chances.numpy(), MaskModel(made).probabilities(images))
        assert apart < {"float16": 0.01, "dynamic": 0.1, "int8": 0.15}[name], name
    if len(data) > 400_000:  # below, the graph weighs as much as the weights
        assert len(kinds["int8"]) < 0.4 * len(data)
    outside = flatbuffer.operators_outside_int8(kinds["int8"])
    assert not {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONCATENATION"} & set(outside), outside


@pytest.mark.parametrize("backbone", QUICK)
def test_every_kind_of_file_marks_what_torch_marks(backbone):
    check(backbone)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [name for name in NAMES if name not in QUICK])
def test_every_other_backbone_marks_in_files_too(backbone):
    check(backbone)


def test_a_file_of_another_task_is_refused():
    data = files_of("plain_unet")[2]
    with pytest.raises(flatbuffer.FileError, match=r"its probabilities are of shape \(1, 64, 96, 3\): want 2 axes"):
        GradeModel(data)


def test_change_does_not_drown_in_the_background():
    before = np.zeros((2, 50, 50, 1), np.float32)
    before[:, :5, :5] = 1
    after = before.copy()
    after[:, 0, :5] = 0
    assert MaskModel.change(before, after) == pytest.approx(5 / (25 + 20))
    assert MaskModel.change(before * 0, before * 0) == 0
