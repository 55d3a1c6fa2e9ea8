"""Rendered pairs of worn shackles that go the same way as any images with numbers."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from choices.settings import Count, Finite, Text
from datamodules.base.errors import DataError
from datamodules.image_numbers import ImageNumbers, NumberedImages


class SyntheticShackles(ImageNumbers):
    """Renders the set once, then reads it as any folder of images with numbers.

    Args:
        folder: where rendered sets lie, each under a name made of its settings.
        root: a folder of its own instead, None for the named one.
        level: notx_nobg, notx_wbg, wtx_wbg or wbg_wtx_gm: what varies (seed 004, section 3.4).
        images: how many there are; a larger set begins with the pictures of a smaller one.
        size: side of the pictures, pixels.
        render_seed: of what they show.
        light, focus, edge_px, samples: see `shackles.scene.Variation`.
        environments: a folder of panoramas; None draws some.
        others: as `ImageNumbers` has them.

    """

    def __init__(
        self,
        *,
        folder: Text,
        root: Text | None,
        level: Text,
        images: Annotated[int, Field(ge=1)],
        size: Annotated[int, Field(ge=1)],
        render_seed: Count,
        light: Text,
        focus: bool,
        edge_px: Finite,
        samples: Annotated[int, Field(ge=1)],
        environments: Text | None,
        **others: Any,
    ) -> None:
        from datamodules.shackles import LEVELS, RENDERER_VERSION
        from datamodules.shackles.scene import Variation
        from datamodules.shackles.skies import panoramas_digest

        if level not in LEVELS:
            raise DataError(f"datamodule.level={level}: want {', '.join(LEVELS)}")
        texture, background, geometry = LEVELS[level]
        self.settings = {
            "level": level, "images": images, "size": size, "render_seed": render_seed, "light": light, "focus": focus,
            "edge_px": float(edge_px), "samples": samples, "version": RENDERER_VERSION,
            "panoramas": panoramas_digest(Path(environments)) if environments and background else "drawn",
        }  # fmt: skip
        self.variation = Variation(texture, background, geometry, light, focus, float(edge_px), samples)
        self.images, self.side, self.render_seed = images, size, render_seed
        self.environments = Path(environments) if environments else None
        odd = "" if focus else "-sharp"
        odd += f"-{light}" if light != "mixed" else ""
        odd += f"-edge{edge_px:g}" if edge_px != Variation.edge_px else ""
        odd += f"-samples{samples}" if samples != Variation.samples else ""
        odd += f"-{panoramas_digest(self.environments)}" if self.environments and background else ""
        name = f"synthetic_shackles-{level}-{images}x{size}-seed{render_seed}{odd}-v{RENDERER_VERSION}"
        super().__init__(root or str(Path(folder) / name), **others)

    def load(self) -> NumberedImages:
        """Renders what is missing, then as `ImageNumbers.load`. Raises DataError where `root` holds other pictures."""
        told = self.root / "rendered.json"
        if told.exists():
            before = json.loads(told.read_text())
            if other := [key for key, value in self.settings.items() if before.get(key) != value]:
                raise DataError(
                    f"{self.root}: holds pictures of {other[0]}={before.get(other[0])}, not {self.settings[other[0]]}; want another "
                    "folder, or datamodule.root=null, which names one by its settings"
                )
        if not (self.root / self.table).exists():
            from datamodules.shackles import render_shackles

            self.root.mkdir(parents=True, exist_ok=True)
            unfinished = told.with_name(f".{os.getpid()}-{told.name}")
            unfinished.write_text(json.dumps(self.settings, indent=1))
            unfinished.replace(told)
            render_shackles(
                self.root, images=self.images, side=self.side, seed=self.render_seed, variation=self.variation,
                panoramas=self.environments,
            )  # fmt: skip
        return super().load()
