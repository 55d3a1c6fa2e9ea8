"""Multiply-adds against the tables of the papers that the networks come from."""

import pytest
import torch

from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.backbones.timm_models import TimmModel
from lightning_modules.multiply_adds import multiply_adds
from lightning_modules.networks.classifier import GradeNetwork
from tests.contracts.test_configs import composed, spec_of, start_of
from training.build import build_backbone


@pytest.mark.parametrize(
    ("backbone", "width", "side", "million"),
    [
        ("mobilenet", 1.0, 224, 569),
        ("mobilenet", 0.5, 160, 77),
        ("mobilenet", 0.25, 128, 14),
        ("mobilenetv2", 1.0, 224, 300),
        ("mobilenetv3_small", 1.0, 224, 56),
        ("efficientnet_b0", 1.0, 224, 390),
    ],
)
def test_as_the_papers_count(backbone, width, side, million):
    cfg = composed(f"backbone={backbone}", f"width={width}")
    network = GradeNetwork(build_backbone(cfg, start_of(spec_of(backbone))), 1000, 0.2)
    assert multiply_adds(network, (side, side)) / 1e6 == pytest.approx(million, rel=0.02, abs=0.5)
    assert multiply_adds(network, (side, 2 * side)) / 1e6 == pytest.approx(2 * million, rel=0.04, abs=2)


def test_branches_count_as_one_and_stay_in_the_network():
    torch.manual_seed(0)
    network = GradeNetwork(
        TimmModel("mobileone_s0", 1.0, InitialWeights("random", "own", (0.5,) * 3, (0.5,) * 3)), 1000, 0.0
    )
    layers = len(list(network.modules()))
    found = multiply_adds(network, (224, 224)) / 1e6
    assert found == pytest.approx(275, rel=0.02)
    assert len(list(network.modules())) == layers
