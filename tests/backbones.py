"""The backbones that tests go through: all of conf/backbone, the large ones in the slow tests alone."""

import pytest

from choices import ROOT

LARGE = (
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b5",
    "efficientnet_b7",
    "resnet50",
    "resnet101",
    "vgg16",
)
NAMES = sorted(path.stem for path in (ROOT / "conf" / "backbone").glob("*.yaml"))
BACKBONES = [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in NAMES]


def few_of(*quick):
    """All of them, of which these alone are no slow tests."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
