"""How strongly each part of the picture shows, beside the strength that the renderer gives it by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from datamodules.base.errors import DataError
from datamodules.rendering.marks import Broken, Pieces
from datamodules.rendering.raster import Image, f32


@dataclass(frozen=True)
class Look:
    """Factors of the rendered photos; 1 leaves each as it is. What is drawn by chance stays the same under any of them,
    so that two sets that differ in one factor show the same phones, damage, rooms and cameras.

    Args:
        light: spread of brightness, exposure, colour and fall-off between and within photos; 0: one even light.
        moire: depth of the beat pattern of lit panels against the sensor; 0: none.
        reflections: light of the room, its lamps and the photographer in the glass; 0: none.
        blur: softness of the lens, times the drawn one; 0: as sharp as the pixels.
        damage: contrast of scratches and cracks against the glass, above 0.
        shards: whether broken glass also tilts, crumbles and falls out; False: cracks are lines alone.

    Raises DataError for a factor that is no number from 0 to 4.

    """

    light: float = 1.0
    moire: float = 1.0
    reflections: float = 1.0
    blur: float = 1.0
    damage: float = 1.0
    shards: bool = True

    def __post_init__(self) -> None:
        for name in FACTORS:
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= MOST:
                raise DataError(f"{name}={given}: want a number from 0 to {MOST:g}")
        if self.damage == 0:
            raise DataError("damage=0: the labels would name what is not there; want more than 0")
        if not isinstance(self.shards, bool):
            raise DataError(f"shards={self.shards}: want true or false")

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, key: str) -> "Look":
        """From settings by name; None leaves each at 1. Raises DataError that names the setting, which stands under `key`."""
        if given is not None and not isinstance(given, Mapping):
            raise DataError(f"{key}={given}: want factors by name, such as {{blur: 2}}")
        names = [field.name for field in fields(cls)]
        for name in given or {}:
            if name not in names:
                raise DataError(f"{key}.{name}: no such factor; want one of {', '.join(names)}")
        try:
            return cls(**(given or {}))
        except DataError as error:
            raise DataError(f"{key}.{error}") from None

    @property
    def suffix(self) -> str:
        """What tells the folder of such a set from that of the plain one; empty for the plain one."""
        odd = [f"-{name}{getattr(self, name):g}" for name in FACTORS if getattr(self, name) != 1]
        return "".join([*odd, *([] if self.shards else ["-lines"])])

    def pieces(self, given: Pieces) -> Pieces:
        """Lines in the wanted contrast."""
        return given if self.damage == 1 else replace(given, strength=np.minimum(given.strength * self.damage, MOST))

    def walls(self, given: Pieces) -> Pieces:
        """Fracture faces in the wanted contrast; none of them where cracks are lines alone."""
        return self.pieces(given) if self.shards else replace(given, strength=np.zeros_like(given.strength))

    def broken(self, given: Broken) -> Broken:
        """Broken glass in the wanted contrast."""
        if self.damage == 1 and self.shards:
            return given
        keep = np.float32(self.shards)
        return Broken(
            given.any, self._dyed(given.lines), self._dyed(given.walls) * keep, self._dyed(given.powder) * keep,
            given.tilt * keep, given.missing * keep,
        )  # fmt: skip

    def _dyed(self, plane: Image) -> Image:
        return f32(np.minimum(plane * np.float32(self.damage), 1))


FACTORS = ("light", "moire", "reflections", "blur", "damage")
MOST = 4.0
"""Of any factor."""
