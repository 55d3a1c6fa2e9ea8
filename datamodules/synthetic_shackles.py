"""Rendered pairs of worn shackles that go the same way as any images with numbers."""

from pathlib import Path
from typing import Any

from datamodules.image_numbers import ImageNumbers, NumberedImages
from datamodules.photo_folder import DataError


class SyntheticShackles(ImageNumbers):
    """Renders the set once, then reads it as any folder of images with numbers.

    Args:
        folder: where rendered sets lie, each under a name made of its settings.
        root: a folder of its own instead, None for the named one.
        level: notx_nobg, notx_wbg, wtx_wbg or wbg_wtx_gm: what varies (seed 004, section 3.4).
        images: how many there are; more of the same settings are added to those that lie there.
        size: side of the pictures, pixels.
        render_seed: of what they show.
        light, focus, edge_px, samples: see `shackles.scene.Variation`.
        environments: a folder of panoramas; None draws some.
        others: as `ImageNumbers` has them.

    """

    def __init__(
        self,
        *,
        folder: str,
        root: str | None,
        level: str,
        images: int,
        size: int,
        render_seed: int,
        light: str,
        focus: bool,
        edge_px: float,
        samples: int,
        environments: str | None,
        **others: Any,
    ) -> None:
        from datamodules.shackles import LEVELS, RENDERER_VERSION
        from datamodules.shackles.scene import Variation

        if level not in LEVELS:
            raise DataError(f"datamodule.level={level}: want {', '.join(LEVELS)}")
        texture, background, geometry = LEVELS[level]
        self.variation = Variation(texture, background, geometry, light, focus, float(edge_px), samples)
        self.images, self.side, self.render_seed = images, size, render_seed
        self.environments = Path(environments) if environments else None
        odd = "" if focus else "-sharp"
        odd += f"-{light}" if light != "mixed" else ""
        odd += f"-edge{edge_px:g}" if edge_px != Variation.edge_px else ""
        odd += f"-samples{samples}" if samples != Variation.samples else ""
        odd += f"-{self.environments.name}" if self.environments else ""
        name = f"synthetic_shackles-{level}-{images}x{size}-seed{render_seed}{odd}-v{RENDERER_VERSION}"
        super().__init__(root or str(Path(folder) / name), **others)

    def load(self) -> NumberedImages:
        """Renders what is missing, then as `ImageNumbers.load`."""
        if not (self.root / self.table).exists():
            from datamodules.shackles import render_shackles

            render_shackles(
                self.root, images=self.images, side=self.side, seed=self.render_seed, variation=self.variation,
                panoramas=self.environments,
            )  # fmt: skip
        return super().load()
