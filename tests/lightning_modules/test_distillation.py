"""Losses and temperatures of distillation against their definitions."""

import numpy as np
import pytest
import torch

from heads.binary import BinaryCrossEntropy, Focal
from heads.corn import Corn
from heads.one_hot import OneHot
from heads.ordinal import Ordinal
from heads.scalar import L1
from lightning_modules.distillation import Distillation, calibrated, divergence, softened, squared


def test_softened_is_the_softmax_of_logits_over_temperature():
    logits = torch.randn(5, 4)
    torch.testing.assert_close(softened(logits, [OneHot(4)], 3.0), torch.softmax(logits / 3, dim=1))


def test_several_teachers_are_averaged_whatever_their_heads():
    heads = [OneHot(5), Ordinal(5, threshold=0.5)]
    logits = torch.randn(6, sum(head.num_outputs for head in heads))
    wanted = (heads[0].probabilities(logits[:, :5] / 2) + heads[1].probabilities(logits[:, 5:] / 2)) / 2
    torch.testing.assert_close(softened(logits, heads, 2.0), wanted)


def test_losses_are_their_definitions():
    given, wanted = torch.softmax(torch.randn(7, 3), 1), torch.softmax(torch.randn(7, 3), 1)
    torch.testing.assert_close(squared(given, wanted), ((given - wanted) ** 2).sum(1))
    torch.testing.assert_close(
        divergence(given, wanted), (wanted * (wanted / given).log()).sum(1), atol=1e-5, rtol=1e-5
    )
    assert divergence(given, given).abs().max() < 1e-6


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5, 6.0])
def test_the_learned_temperature_is_the_one_that_the_labels_were_drawn_at(heat):
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(0, 4, (20_000, 6)).astype(np.float32))
    chances = torch.softmax(logits / heat, dim=1).numpy()
    labels = torch.from_numpy(np.array([rng.choice(6, p=row / row.sum()) for row in chances.astype(np.float64)]))
    assert calibrated(logits, labels, [OneHot(6)]) == pytest.approx(heat, rel=0.05)


def test_what_has_no_label_leaves_the_others_loss_alone():
    """CORN divides by the steps that the batch reaches: those of samples without a label are none."""

    head = Corn(5)
    logits, labels = torch.randn(8, 4), torch.tensor([0, 4, 2, 3, -1, -1, -1, -1])
    teaching = Distillation([OneHot(5)], temperature=1.0, soft_share=0.0, loss="mse")
    weights = torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0])  # those without a label learn from the teachers alone
    loss = teaching.loss(head, logits, labels, torch.zeros(8, 5), weights)
    assert loss.item() == pytest.approx(head.loss(logits[:4], labels[:4]).item() / 2)


@pytest.mark.parametrize("head", [BinaryCrossEntropy(3), Focal(3), L1(3)])
def test_masks_sets_of_labels_and_numbers_are_taught_too(head):
    teaching = Distillation([head], temperature=2.0, soft_share=1.0, loss="mse")
    for shape in [(4, head.num_outputs), (4, head.num_outputs, 6, 8)]:
        logits = torch.randn(shape)
        labels = torch.zeros(shape)
        assert teaching.loss(head, logits, labels, logits, torch.ones(4)) == 0
        assert teaching.loss(head, logits + 1, labels, logits, torch.ones(4)) > 0
