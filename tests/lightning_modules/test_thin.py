"""The thin network has the weights that it says, rounds sizes up, and names settings that make no network."""

import pytest
import torch

from lightning_modules.networks.classifier import GradeNetwork
from tests.contracts.test_configs import build, spec_of, start_of


def made(name="thin", **settings):
    return build(name, 1.0, start_of(spec_of(name)), **settings)


@pytest.mark.parametrize("name", ["thin", "thin_28"])
def test_it_has_no_more_weights_than_the_smallest_of_the_thesis(name):
    network = GradeNetwork(made(name), 10, 0.0)
    assert sum(parameter.numel() for parameter in network.parameters()) <= 3_484
    assert network(torch.zeros(2, 3, 28, 28)).shape == (2, 10)


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
