"""How many trainings of a grid have a network of the same shape. No torch here."""

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from sweeps.records.journal import VARIABLE

SAME_SHAPE = (
    "seed",
    "fold",
    "augmentation",
    "imbalance",
    "optimizer",
    "schedule",
    "datamodule.split_seed",
    "datamodule.real",
)
"""Axes that change what is learned, and not what a step computes."""


def trainings_alike() -> int:
    """Of the grid that this process works for; 1 outside a grid."""
    runs = os.environ.get(VARIABLE)
    if not runs:
        return 1
    try:
        line = json.loads(Path(runs).with_suffix(".json").read_text())["line"]
    except (OSError, ValueError, KeyError):
        return 1
    return alike(line)


def alike(words: Iterable[str]) -> int:
    """The product over the axes of SAME_SHAPE of how many choices each has; `seeds=n` is n."""
    counts = []
    for word in words:
        try:
            (one,) = OverridesParser.create().parse_overrides([word])
        except (HydraException, ValueError):
            continue
        key = str(one.key_or_group).lstrip("+")
        if key == "seeds" and str(one.value()).isdecimal():
            counts.append(int(str(one.value())))
        elif one.is_sweep_override() and (key in SAME_SHAPE or key.partition(".")[0] in SAME_SHAPE):
            counts.append(sum(1 for _ in one.sweep_iterator()))
    return math.prod(counts)
