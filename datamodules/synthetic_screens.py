"""Rendered photos of damaged phones that go the same way as real ones: corners, grid, cells."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, override

from filelock import FileLock
from pydantic import Field

from choices.settings import Count, Share, Text
from datamodules.base.array_cache import disk_errors
from datamodules.base.data_set import PictureSet
from datamodules.base.errors import DataError
from datamodules.phone_photos import PhonePhotos
from datamodules.screens.cells import Cells
from datamodules.screens.masked_cells import MaskedCells


def must_be_the_renderers(settings: Mapping[str, Any]) -> None:
    """Raises DataError for a grid or classes that the renderer does not have."""
    from datamodules.rendering import CLASS_NAMES, COLS, ROWS

    wrong = {
        "datamodule.columns": (settings["columns"], COLS), "datamodule.rows": (settings["rows"], ROWS),
        "datamodule.class_names": (len(settings["class_names"]), len(CLASS_NAMES)),
    }  # fmt: skip
    for name, (given, wanted) in wrong.items():
        if given != wanted:
            words = f" ({', '.join(CLASS_NAMES)})" if name.endswith("names") else ""
            raise DataError(f"{name}: there are {given}; rendered phones have {wanted}{words}")


class SyntheticScreens(PhonePhotos):
    """Renders the set once, then reads it as any folder of phone photos.

    Args:
        folder: where rendered sets lie, each under a name made of its settings.
        root: a folder of its own instead, None for the named one.
        devices, photos, render_seed, label_noise: see `rendering.render_dataset`.
        look: factors by name, see `rendering.Look`; None leaves each at 1.
        rule: from where damage is major, see `rendering.GradeRule`; None: as the renderer grades.
        key: where these settings stand, for messages.
        others: as `PhonePhotos` has them.

    """

    family = "rendered phones"
    sources_certain = True

    @classmethod
    @override
    def pictures(cls, settings: Mapping[str, Any], *, trained: bool) -> list[PictureSet]:
        return [cls.drawn(settings, cls.division_of(settings))]

    @classmethod
    def drawn(cls, settings: Mapping[str, Any], division: Mapping[str, Any] | None) -> PictureSet:
        """The phones that the renderer is asked for, whatever their look."""
        which = ", ".join(f"{name}={settings.get(name)}" for name in ("devices", "photos", "render_seed"))
        return PictureSet(f"{cls.family} {which}", "", f"{cls.family} ({which})", division)

    def __init__(
        self,
        *,
        folder: Text,
        root: Text | None,
        devices: Annotated[int, Field(ge=1)],
        photos: Annotated[int, Field(ge=1)],
        render_seed: Count,
        label_noise: Share,
        look: Mapping[str, Any] | None = None,
        rule: Mapping[str, Any] | None = None,
        key: str = "datamodule",
        **others: Any,
    ) -> None:
        from datamodules.rendering import RENDERER_VERSION, GradeRule, Look

        self.look, self.rule = Look.of(look, f"{key}.look"), GradeRule.of(rule, f"{key}.rule")
        if photos < devices:
            raise DataError(f"{key}.photos={photos}: want at least one of each device, {key}.devices={devices}")
        must_be_the_renderers(others)
        noise = f"-noise{label_noise:g}" if label_noise else ""
        name = f"synthetic_screens-{devices}x{photos}-seed{render_seed}{noise}{self.look.suffix}{self.rule.suffix}-v{RENDERER_VERSION}"
        super().__init__(root or str(Path(folder) / name), **others)
        self.devices, self.photos = devices, photos
        self.render_seed, self.label_noise = render_seed, label_noise

    @override
    def cells(self) -> Cells:
        """Renders what is missing, then as `PhonePhotos.cells`."""
        self._render()
        return super().cells()

    @override
    def masked_cells(self) -> MaskedCells:
        """Renders photos and masks that are missing, then as `PhonePhotos.masked_cells`."""
        from datamodules.rendering import render_masks
        from datamodules.screens.mask_files import FOLDER

        self._render()
        if not (self.root / FOLDER).exists():
            with disk_errors(self.root, "paths.data", "drawing masks"), self._lock():
                if not (self.root / FOLDER).exists():
                    render_masks(self.root, **self._wanted, look=self.look)
        return super().masked_cells()

    def _render(self) -> None:
        from datamodules.rendering import render_dataset

        if not self._rendered:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with self._lock():  # of two jobs at once, one renders
                if not self._rendered:
                    render_dataset(
                        self.root, **self._wanted, label_noise=self.label_noise, look=self.look, rule=self.rule
                    )

    def _lock(self) -> FileLock:
        return FileLock(self.root.parent / f".{self.root.name}.lock")

    @property
    def _wanted(self) -> dict[str, int]:
        return {"devices": self.devices, "photos": self.photos, "seed": self.render_seed}

    @property
    def _rendered(self) -> bool:
        return (self.root / "cells.csv").exists()
