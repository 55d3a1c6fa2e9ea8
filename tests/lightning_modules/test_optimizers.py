"""Which optimizers run as one kernel, and that they train alike."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from lightning_modules.optimizers import OptimizerFactory, build_optimizer


def plain_factory(groups: object) -> torch.optim.Optimizer:
    """An optimizer that knows nothing of fused steps."""
    return torch.optim.LBFGS(next(iter(groups))["params"])  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    ("factory", "scaled", "fused"),
    [
        (partial(torch.optim.Adam, lr=1e-3), False, True),
        (torch.optim.AdamW, False, True),
        (partial(torch.optim.SGD, lr=0.1, momentum=0.9), False, True),
        (partial(torch.optim.Adam, lr=1e-3), True, None),
        (partial(torch.optim.Adam, foreach=True), False, None),
        (partial(torch.optim.Adam, fused=False), False, False),
        (partial(torch.optim.RMSprop, lr=1e-3), False, None),
        (plain_factory, False, None),
    ],
)
def test_fused_where_torch_has_it_and_nothing_else_was_said(
    factory: OptimizerFactory, scaled: bool, fused: bool | None
) -> None:
    groups = [{"params": list(nn.Linear(2, 2).parameters())}]
    (group,) = build_optimizer(factory, groups, scaled=scaled).param_groups
    assert group.get("fused") is fused


@pytest.mark.parametrize("factory", [torch.optim.Adam, partial(torch.optim.SGD, lr=0.1, momentum=0.9)])
def test_a_fused_step_is_the_same_step(factory: Callable[..., torch.optim.Optimizer]) -> None:
    torch.manual_seed(0)
    inputs, networks = torch.randn(16, 4), [nn.Linear(4, 3), nn.Linear(4, 3)]
    networks[1].load_state_dict(networks[0].state_dict())
    optimizers = [
        build_optimizer(factory, [{"params": list(networks[0].parameters())}]),
        factory(networks[1].parameters(), foreach=False),
    ]
    for _ in range(20):
        for network, optimizer in zip(networks, optimizers, strict=True):
            optimizer.zero_grad()
            network(inputs).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(networks[0].weight, networks[1].weight)
