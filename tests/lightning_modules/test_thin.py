"""The thin network has the weights that it says, rounds sizes up, and names settings that make no network."""

import pytest
import torch

from lightning_modules.networks import GradeNetwork
from tests.contracts.test_configs import build, spec_of, start_of


def made(**settings):
    return build("thin", 1.0, start_of(spec_of("thin")), **settings)


def test_it_has_no_more_weights_than_the_smallest_of_the_thesis():
    weights = sum(parameter.numel() for parameter in GradeNetwork(made(), 10, 0.0).parameters())
    assert weights <= 3_484


@pytest.mark.parametrize("side", [28, 30, 33])
def test_sizes_round_up(side):
    maps = made(layers=[[3], [4, 5], [6]]).eval()(torch.rand(2, 3, side, side))
    assert [tuple(one.shape[1:]) for one in maps] == [
        (channels, -(-side // by), -(-side // by)) for channels, by in ((3, 2), (5, 4), (6, 8))
    ]


@pytest.mark.parametrize("layers", [[], [[]], [[8], []], [[0]]])
def test_steps_without_filters_are_named(layers):
    with pytest.raises(ValueError, match=r"backbone\.layers"):
        made(layers=layers)
