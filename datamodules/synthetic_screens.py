"""Rendered photos of damaged phones that go the same way as real ones: corners, grid, cells."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, override

from filelock import FileLock
from pydantic import Field

from choices.settings import Count, Share, Text
from datamodules.base.data_set import PictureSet
from datamodules.base.errors import DataError
from datamodules.phone_photos import Cells, PhonePhotos


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
        key: where these settings stand, for messages.
        others: as `PhonePhotos` has them.

    """

    family = "rendered phones"

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
        key: str = "datamodule",
        **others: Any,
    ) -> None:
        from datamodules.rendering import RENDERER_VERSION, Look

        self.look = Look.of(look, f"{key}.look")
        if photos < devices:
            raise DataError(f"{key}.photos={photos}: want at least one of each device, {key}.devices={devices}")
        must_be_the_renderers(others)
        noise = f"-noise{label_noise:g}" if label_noise else ""
        name = f"synthetic_screens-{devices}x{photos}-seed{render_seed}{noise}{self.look.suffix}-v{RENDERER_VERSION}"
        super().__init__(root or str(Path(folder) / name), **others)
        self.devices, self.photos = devices, photos
        self.render_seed, self.label_noise = render_seed, label_noise

    def load(self) -> Cells:
        """Renders what is missing, then as `PhonePhotos.load`."""
        from datamodules.rendering import render_dataset

        wanted = {"devices": self.devices, "photos": self.photos, "seed": self.render_seed}
        if not self._rendered:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root.parent / f".{self.root.name}.lock"):  # of two jobs at once, one renders
                if not self._rendered:
                    render_dataset(self.root, **wanted, label_noise=self.label_noise, look=self.look)
        return replace(super().load(), sources_certain=True)

    @property
    def _rendered(self) -> bool:
        return (self.root / "cells.csv").exists()
