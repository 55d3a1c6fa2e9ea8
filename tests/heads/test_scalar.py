"""Numbers become targets between 0 and 1 and come back; each loss costs what its source says."""

import pytest
import torch

from heads.scalar import L1, Huber, L1Margin, SquaredError

NUMBERS = torch.tensor([[0.0], [25.0], [95.0]])


def test_numbers_come_back():
    head = L1(5, low=-50, high=150)
    assert head.encode(NUMBERS).flatten().tolist() == pytest.approx([0.25, 0.375, 0.725])
    torch.testing.assert_close(head.decode(head.encode(NUMBERS)), NUMBERS)


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (L1(5, high=100), [0.1, 0.25, 0.0]),
        (L1Margin(5, high=100, margin=0.2), [0.0, 0.05, 0.0]),
        (SquaredError(5, high=100), [0.01, 0.0625, 0.0]),
        (Huber(5, high=100, delta=0.2), [0.005, 0.2 * (0.25 - 0.1), 0.0]),
    ],
)
def test_losses_are_on_the_scale_of_the_range(head, wanted):
    logits = torch.tensor([[0.1], [0.5], [0.95]])
    assert head.sample_losses(logits, NUMBERS).tolist() == pytest.approx(wanted, abs=1e-6)
    weights = torch.tensor([2.0, 1.0, 0.0])
    assert head.loss(logits, NUMBERS, weights).item() == pytest.approx((2 * wanted[0] + wanted[1]) / 3, abs=1e-6)


def test_a_label_without_its_axis_is_refused():
    with pytest.raises(ValueError, match=r"numbers of shape \(3,\): want \(3, 1\)"):
        L1(5).loss(torch.zeros(3, 1), torch.zeros(3))


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (lambda: L1(5, low=1, high=1), "low"),
        (lambda: L1Margin(5, margin=-0.1), "margin"),
        (lambda: Huber(5, delta=0), "delta"),
    ],
)
def test_wrong_settings_are_named(made, word):
    with pytest.raises(ValueError, match=rf"encoding\.{word}"):
        made()
