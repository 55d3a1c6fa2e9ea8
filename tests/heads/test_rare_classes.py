"""Losses for classes that are rare: focal, and logit-adjusted."""

import pytest
import torch
from torch.nn import functional

from heads.one_hot import FocalOneHot, LogitAdjusted, OneHot

LOGITS = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) * 2
LABELS = torch.arange(40) % 5


def test_focal_without_gamma_is_cross_entropy() -> None:
    torch.testing.assert_close(
        FocalOneHot(5, gamma=0).sample_losses(LOGITS, LABELS),
        functional.cross_entropy(LOGITS, LABELS, reduction="none"),
    )


def test_focal_is_the_equation_of_the_paper() -> None:
    chance = LOGITS.softmax(1)[torch.arange(40), LABELS]
    torch.testing.assert_close(
        FocalOneHot(5, gamma=2).sample_losses(LOGITS, LABELS), -((1 - chance) ** 2) * chance.log()
    )


def test_focal_has_a_gradient_where_an_answer_is_certain() -> None:
    logits = torch.tensor([[60.0, 0, 0, 0, 0]], requires_grad=True)
    FocalOneHot(5, gamma=0.5).sample_losses(logits, torch.tensor([0])).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_logit_adjustment_adds_the_logarithm_of_the_shares_to_logits() -> None:
    head = LogitAdjusted(5, tau=1.0)
    head.know_counts(torch.tensor([80.0, 10, 6, 4, 0]))
    shares = torch.tensor([80, 10, 6, 4, 0.5]) / 100.5
    wanted = functional.cross_entropy(LOGITS + shares.log(), LABELS, reduction="none")
    torch.testing.assert_close(head.sample_losses(LOGITS, LABELS), wanted)
    assert not head.state_dict()  # a finished network does not need them
    torch.testing.assert_close(head.probabilities(LOGITS), LOGITS.softmax(1))


def test_what_is_learned_does_not_depend_on_how_frequent_a_class_was() -> None:
    """Of inputs that tell nothing, cross-entropy learns the frequencies, the adjusted loss nothing."""
    labels = torch.tensor([0] * 90 + [1] * 10)
    found = {}
    for name, head in (("plain", OneHot(2)), ("adjusted", LogitAdjusted(2, tau=1.0))):
        head.know_counts(torch.tensor([90.0, 10.0]))
        bias = torch.zeros(2, requires_grad=True)
        optimizer = torch.optim.SGD([bias], lr=1.0)
        for _ in range(500):
            optimizer.zero_grad()
            head.loss(bias.expand(100, 2), labels).backward()
            optimizer.step()
        found[name] = head.probabilities(bias[None].detach())[0]
    torch.testing.assert_close(found["plain"], torch.tensor([0.9, 0.1]), atol=1e-3, rtol=0)
    torch.testing.assert_close(found["adjusted"], torch.tensor([0.5, 0.5]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("gamma", [-1, -0.1])
def test_a_gamma_below_zero_is_refused(gamma: float) -> None:
    with pytest.raises(ValueError, match=r"encoding\.gamma"):
        FocalOneHot(5, gamma=gamma)
