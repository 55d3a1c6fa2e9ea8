"""Heads of masks: losses by their formulas, image by image."""

import pytest
import torch
from torch.nn import functional

from heads.binary import BinaryCrossEntropy, BinaryHead, DiceBinaryCrossEntropy, Focal

HEADS = [BinaryCrossEntropy, DiceBinaryCrossEntropy, Focal]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 2, 8, 12, generator=generator), torch.rand(3, 2, 8, 12, generator=generator) > 0.7


@pytest.mark.parametrize("kind", HEADS)
def test_an_image_costs_the_same_whatever_batch_it_is_in(kind, batch):
    head: BinaryHead = kind(2)
    logits, masks = batch
    losses = head.sample_losses(logits, masks.float())
    assert losses.shape == (3,)
    for at in range(3):
        assert head.loss(logits[at : at + 1], masks[at : at + 1]).item() == pytest.approx(losses[at].item(), rel=1e-6)
    weights = torch.tensor([1.0, 0.0, 2.0])
    assert head.loss(logits, masks, weights).item() == pytest.approx(((losses * weights).sum() / 3).item(), rel=1e-6)


@pytest.mark.parametrize("kind", HEADS)
def test_the_loss_falls_when_one_goes_down_it(kind, batch):
    head: BinaryHead = kind(2)
    logits, masks = batch
    logits = logits.clone().requires_grad_()
    before = head.loss(logits, masks)
    before.backward()
    assert head.loss(logits - 5 * logits.grad, masks) < before
    sure = torch.where(masks, 30.0, -30.0)
    assert head.loss(sure, masks).item() < 1e-3
    assert head.loss(-sure, masks).item() > 0.4


def test_cross_entropy_and_focal_by_their_formulas(batch):
    logits, masks = batch
    chances, hits = logits.sigmoid(), masks.float()
    wanted = -(hits * chances.log() + (1 - hits) * (1 - chances).log()).mean()
    assert BinaryCrossEntropy(2).loss(logits, masks).item() == pytest.approx(wanted.item(), rel=1e-5)
    right = torch.where(masks, chances, 1 - chances)
    alpha = torch.where(masks, 0.25, 0.75)
    wanted = (-alpha * (1 - right) ** 2 * right.log()).mean()
    assert Focal(2).loss(logits, masks).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_dice_of_a_worked_example():
    logits = torch.full((1, 1, 2, 2), -30.0)
    logits[0, 0, 0] = 30.0  # the upper two of four pixels
    masks = torch.tensor([[[[True, False], [True, False]]]])  # the left two
    head = DiceBinaryCrossEntropy(1, dice_share=1.0, smooth=1.0)
    assert head.loss(logits, masks).item() == pytest.approx(1 - (2 * 1 + 1) / (2 + 2 + 1), abs=1e-6)
    nothing = torch.zeros_like(masks)
    assert head.loss(torch.full_like(logits, -30.0), nothing).item() == pytest.approx(0, abs=1e-6), "nothing, rightly"
    mixed = DiceBinaryCrossEntropy(1, dice_share=0.25, smooth=1.0).loss(logits, masks).item()
    entropy = functional.binary_cross_entropy_with_logits(logits, masks.float()).item()
    assert mixed == pytest.approx(0.75 * entropy + 0.25 * 0.4, rel=1e-5)


def test_a_pixel_above_the_threshold_belongs_to_the_class():
    logits = torch.logit(torch.tensor([0.2, 0.3, 0.31, 0.9])).reshape(1, 1, 2, 2)
    assert BinaryCrossEntropy(1, threshold=0.3).decode(logits).flatten().tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: BinaryCrossEntropy(0), "num_classes=0"),
        (lambda: BinaryCrossEntropy(2, threshold=1.0), "encoding.threshold=1"),
        (lambda: DiceBinaryCrossEntropy(2, dice_share=2.0), "encoding.dice_share=2"),
        (lambda: BinaryCrossEntropy(2).loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)), "labels of shape"),
        (
            lambda: BinaryCrossEntropy(2).loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), torch.ones(2)),
            "sample_weights",
        ),
    ],
)
def test_nonsense_is_refused(make, wanted):
    with pytest.raises(ValueError, match=wanted.replace(".", r"\.")):
        make()
