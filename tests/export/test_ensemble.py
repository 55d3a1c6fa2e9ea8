"""Several networks as one: their mean, by torch and by the file."""

import numpy as np
import pytest
import torch

from export.convert import to_float32, to_onnx
from export.deployable import deployable
from lightning_modules.networks.ensemble import EnsembleNetwork
from tasks.grading_files import GradeModel, grade_answer
from tests.export.made import random_module
from tests.export.test_mask_files import marking_module


@pytest.mark.parametrize("made", ["one_hot", "corn", "masks"])
def test_an_ensemble_answers_with_the_mean_of_its_members(made):
    pixels = torch.randint(
        0, 256, (4, 3, 64, 96 if made == "masks" else 64), generator=torch.Generator().manual_seed(0)
    )
    members = [_module(made, seed) for seed in range(3)]
    alone = [one.head.probabilities(one.network(pixels)) for one in members]
    assert (alone[0] - alone[1]).abs().max() > 1e-3
    whole = EnsembleNetwork([one.network for one in members], members[0].head.mean_logits).eval()
    mean = members[0].head.probabilities(whole(pixels))
    torch.testing.assert_close(mean, torch.stack(alone).mean(dim=0), atol=1e-5, rtol=0)


def test_its_file_answers_as_its_members_do():
    members = [_module("one_hot", seed) for seed in range(2)]
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), np.uint8)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.inference_mode():
        wanted = torch.stack([one.network(pixels).softmax(dim=1) for one in members]).mean(dim=0).numpy()
    whole = members[0]
    whole.network = EnsembleNetwork([one.network for one in members], whole.head.mean_logits)
    data = to_float32(to_onnx(shipped := deployable(whole, (64, 64), grade_answer), (64, 64), shipped.outputs))
    grades, probabilities = GradeModel(data).grade(images)
    np.testing.assert_allclose(probabilities, wanted, atol=1e-4)
    np.testing.assert_array_equal(grades, wanted.argmax(axis=1))


def _module(made, seed):
    torch.manual_seed(seed)
    module = (
        marking_module("mobilenetv2", width=0.35, seed=seed)
        if made == "masks"
        else random_module("mobilenet", width=0.25, encoding=made, seed=seed)
    )
    return module.eval()
