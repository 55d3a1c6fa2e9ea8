"""SimpLeNet's weights are the published ones, and every picture of 28 px is answered."""

import pytest
import torch

from lightning_modules.networks.classifier import GradeNetwork
from tests.contracts.test_configs import build, spec_of, start_of

PUBLISHED = {
    "simplenet_teacher": 3_274_634, "simplenet_v1": 3_484, "simplenet_v2": 5_968, "simplenet_v3": 3_982,
    "simplenet_v4": 6_007, "simplenet_v5": 4_000,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_weights_are_as_many_as_published(name):
    spec = spec_of(name)
    network = GradeNetwork(build(name, 1.0, start_of(spec)), 10, 0.0)
    assert sum(parameter.numel() for parameter in network.parameters()) == PUBLISHED[name]
    logits = network(torch.randint(0, 256, (3, 3, 28, 28), dtype=torch.uint8))
    assert logits.shape == (3, 10)
    assert logits.std() > 0


def test_colours_do_not_matter_where_there_are_none():
    network = GradeNetwork(build("simplenet_v1", 1.0, start_of(spec_of("simplenet_v1"))), 10, 0.0).eval()
    grey = torch.randint(0, 256, (2, 1, 28, 28)).float()
    one = build("simplenet_v1", 1.0, start_of(spec_of("simplenet_v1")), in_channels=1)
    one.load_state_dict({name: value for name, value in network.backbone.state_dict().items() if "grey" not in name})
    with torch.inference_mode():
        torch.testing.assert_close(
            network.backbone(grey.expand(-1, 3, -1, -1))[-1], one(grey)[-1], atol=1e-2, rtol=1e-4
        )
