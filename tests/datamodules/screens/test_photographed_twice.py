"""One phone under two source ids is warned of."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from datamodules.phone_photos import PhonePhotos
from datamodules.screens.cells import Cells
from tests.drawn import draw_screens, settings_of


def again(root: Path, *, source_id: str) -> None:
    """A second photo of screen2, darker, larger and from another side."""
    first = cv2.imread(str(root / "photos" / "screen2.png"))
    assert first is not None
    height, width = first.shape[:2]
    rows = list(csv.DictReader((root / "photos.csv").read_text().splitlines()))
    own = next(row for row in rows if row["photo"] == "screen2.png")
    corners = np.array([[float(own[f"{axis}_{end}"]) for axis in "xy"] for end in ("tl", "tr", "br", "bl")], np.float32)
    moved = corners * 1.5 + np.array([[3, 9], [40, 0], [30, 25], [0, 12]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, moved)
    second = cv2.warpPerspective(first, warp, (round(1.5 * width) + 60, round(1.5 * height) + 60))
    cv2.imwrite(str(root / "photos" / "again.png"), (0.8 * second).astype(np.uint8))
    with (root / "photos.csv").open("a") as file:
        file.write(",".join(["again.png", source_id, *map(str, moved.ravel().round(1))]) + "\n")
    cells = [
        row for row in csv.DictReader((root / "cells.csv").read_text().splitlines()) if row["photo"] == "screen2.png"
    ]
    with (root / "cells.csv").open("a") as file:
        file.writelines(f"again.png,{row['row']},{row['col']},{row['label']}\n" for row in cells)


def load(root: Path, cache: Path) -> Cells:
    return PhonePhotos(root=str(root), **settings_of(cache)).load()  # type: ignore[arg-type]


@pytest.mark.parametrize(("source_id", "warned"), [("phone9", True), ("phone2", False)])
def test_a_phone_with_two_source_ids_is_warned_of(tmp_path: Path, source_id: str, warned: bool) -> None:
    root = draw_screens(tmp_path / "screens", sources=8)
    assert not load(root, tmp_path / "cache").notes
    again(root, source_id=source_id)
    notes = load(root, tmp_path / "cache").notes
    assert bool(notes) == warned
    if warned:
        assert notes[0].startswith("1 pairs of photos look like one phone under two source ids")
        assert "screen2.png and again.png" in notes[0]
