"""The line to type after an import: it is tried before it is printed, as far as a training reads the data."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from annotation.log import AnnotationError
from choices import CONF
from cli.command_line import quoted
from datamodules.base.errors import DataError

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

STRIDE = 32
"""By which most networks divide the sides of a picture."""
USUAL, LARGEST = 128, 1024
"""Resolutions: the shorter side, pixels."""
DIVISIONS: tuple[Mapping[str, int], ...] = ({}, {"folds": 3, "val_folds": 2}, {"folds": 2, "val_folds": 0})
"""From the usual one down to that of a handful of pictures."""
PLAIN = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
RESERVED = frozenset({"null", "none", "true", "false", "nan", "inf"})


class NotTrainableError(RuntimeError):
    """What was imported lies there, but no training can take it as it is; one line that says why."""


def setting(key: str, value: object) -> str:
    """`key=value`, quoted where Hydra's grammar wants it."""
    text = str(value)
    return f"{key}={text}" if re.fullmatch(r"[\w/.+@%-]+", text, re.ASCII) else quoted(key, text)


def listed(key: str, names: Iterable[str]) -> str:
    """`key=[a,b]`, each name quoted where Hydra's grammar wants it."""
    shown = [name if PLAIN.fullmatch(name) and name.lower() not in RESERVED else quoted("", name)[1:] for name in names]
    return f"{key}=[{','.join(shown)}]"


def line_of(words: Sequence[str]) -> str:
    """A training as it is typed."""
    return f"python train.py {shlex.join(words)}"


def resolution_of(size: tuple[int, int]) -> int:
    """The resolution nearest to the usual one that brings both sides to multiples of STRIDE.

    Raises AnnotationError where there is none, with a size that has one.
    """
    width, height = size
    shorter = min(size)
    largest = min(LARGEST, max(2 * USUAL, 2 * shorter))
    fitting = [
        resolution
        for resolution in range(STRIDE, largest + 1, STRIDE)
        if not any(round(side * resolution / shorter) % STRIDE for side in size)
    ]
    if fitting:
        return min(fitting, key=lambda resolution: abs(resolution - USUAL))
    share = min(1.0, LARGEST / shorter)
    wide, high = (max(STRIDE, STRIDE * round(side * share / STRIDE)) for side in (width, height))
    raise AnnotationError(
        f"the images have {width} x {height} pixels: no resolution brings both sides to multiples of {STRIDE}, as networks want; "
        f"want --size {wide}x{high}, which resizes images and masks"
    )


def tried(words: Sequence[str]) -> tuple[list[str], "Samples"]:
    """The words of a training with the first of DIVISIONS that its data allow, and the data as it reads them.

    Raises NotTrainableError where none does.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", list(words))
    why: DataError | None = None
    for division in DIVISIONS:
        for key, value in division.items():
            cfg.datamodule[key] = value
        try:
            samples: Samples = instantiate(cfg.datamodule).load()
            assert len(samples.table)
        except DataError as error:
            why = error
        else:
            return [*words, *(f"datamodule.{key}={value}" for key, value in division.items())], samples
    raise NotTrainableError(str(why))
