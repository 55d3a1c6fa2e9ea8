"""An annotator's desk: photos in an order, outlines, straightened phones and a network's proposals, as pages ask for them."""

import io
import random
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from annotation.book import Book
from annotation.devices import Look, look_of, suggest
from annotation.log import AnnotationError, Statement
from annotation.proposals import Proposals, doubt
from datamodules.outline import OutlineError
from datamodules.screen_grid import Grid, Image, check_corners, rectify, resize

Corners = npt.NDArray[np.float64]
MOST_PHONE_PX = 480
"""Side of a cell in the straightened phone that the page shows: more would be magnified anyway."""
QUALITY = 93
"""Of the JPEG pictures: hairlines have to survive."""


class Desk:
    """What the pages need beside the annotations themselves.

    Args:
        book: the annotations.
        find: a photo `(H, W, 3)` → corners `(4, 2)`; raises OutlineError.
        proposals: of a trained network, or None.

    """

    def __init__(self, book: Book, find: Callable[[Image], Corners], proposals: Proposals | None = None) -> None:
        self.book, self.proposals = book, proposals
        self._find = find
        self._found: dict[str, Corners | str] = {}
        self._looks: dict[str, tuple[bytes, Look]] = {}
        self._busy = threading.Lock()
        self.names = list(book.photos.files)
        self.jpeg = lru_cache(maxsize=64)(self._jpeg)

    def number(self, name: str) -> int:
        """Of a photo, in the addresses."""
        return self.names.index(name)

    def outline(self, name: str) -> tuple[Corners | None, str]:
        """The corners that somebody has set, or else those that are found; or None and why none were found."""
        given = self.book.state[name].corners
        if given is not None:
            return np.array(given).reshape(4, 2), ""
        return self.found(name)

    def found(self, name: str) -> tuple[Corners | None, str]:
        """The corners that are found without help; or None and why not."""
        with self._busy:
            if name not in self._found:
                try:
                    picture = self.book.photos.pixels(name)
                    corners = np.clip(self._find(picture), 0, [picture.shape[1], picture.shape[0]])
                    check_corners(corners, picture.shape[1], picture.shape[0])
                    self._found[name] = np.round(corners, 1)
                except (OutlineError, ValueError) as error:
                    self._found[name] = str(error)
        found = self._found[name]
        return (None, found) if isinstance(found, str) else (found, "")

    def queue(self, annotator: str, number: int) -> list[dict[str, Any]]:
        """All photos in the order in which this annotator sees them in this round.

        Of the first round by name, or least sure first where a network proposes; later rounds each in an order of their
        own, so that a second look is no repetition of the first.
        """
        names = list(self.names)
        if number > 1:
            random.Random(f"{annotator} {number}").shuffle(names)
        elif self.proposals is not None:
            doubts = {name: self._doubt(name) for name in names}
            names.sort(key=lambda name: -doubts[name])
        state, cells = self.book.refresh(), len(self.book.cells)
        entries = []
        for name in names:
            one = state[name]
            mine = sum((annotator, number) in one.votes.get(cell, {}) for cell in self.book.cells)
            entries.append({"id": self.number(name), "name": name, "graded": mine, "cells": cells,
                            "unusable": one.left_out, "device": one.columns.get("source_id", "")})  # fmt: skip
        return entries

    def photo(self, name: str, annotator: str, number: int) -> dict[str, Any]:
        """What the page shows of one photo to this annotator: nobody else's grades."""
        one, file = self.book.refresh()[name], self.book.photos[name]
        corners, why = self.outline(name)
        device = one.columns.get("source_id", "")
        found = {
            "id": self.number(name), "name": name, "width": file.width, "height": file.height,
            "corners": None if corners is None else corners.tolist(), "set": one.corners is not None, "why": why,
            "device": device, "devices": sorted(set(self.book.state.sources().values())),
            "comment": one.columns.get("comment", ""), "unusable": one.left_out,
            "labels": [one.votes.get(cell, {}).get((annotator, number), "") for cell in self.book.cells],
        }  # fmt: skip
        found["suggested"], found["because"] = ("", "") if device else self._suggested(name)
        chances = None if corners is None else self.proposed(name)
        found["proposed"] = None if chances is None else chances.tolist()
        return found

    def proposed(self, name: str) -> npt.NDArray[np.float64] | None:
        """The network's probabilities `(cells, K)`, None without a network or outline."""
        corners, _ = self.outline(name)
        if self.proposals is None or corners is None:
            return None
        file = self.book.photos[name]
        key = f"{name} {file.path.stat().st_size} {file.path.stat().st_mtime_ns}"
        return self.proposals.of(lambda: self.book.photos.pixels(name), key, corners)

    def _doubt(self, name: str) -> float:
        chances = self.proposed(name)
        return 1.0 if chances is None else doubt(chances)

    def _suggested(self, name: str) -> tuple[str, str]:
        photos = self.book.photos
        return suggest(photos[name], self.book.state.sources(), photos.files, self._look)

    def _look(self, name: str) -> Look | None:
        corners, _ = self.outline(name)
        if corners is None:
            return None
        key = corners.tobytes()
        if name not in self._looks or self._looks[name][0] != key:
            self._looks[name] = key, look_of(self.book.photos.pixels(name), corners)
        return self._looks[name][1]

    def _jpeg(self, name: str, corners: tuple[float, ...] | None, side: int) -> bytes:
        """A photo with its longer side at most `side` pixels, or the phone within the corners."""
        picture = self.book.photos.pixels(name)
        if corners is None:
            share = min(1.0, side / max(picture.shape[:2]))
            shown = resize(picture, (max(round(picture.shape[1] * share), 1), max(round(picture.shape[0] * share), 1)))
        else:
            quad = np.array(corners).reshape(4, 2)
            try:
                check_corners(quad, picture.shape[1], picture.shape[0])
            except ValueError as error:
                raise AnnotationError(str(error)) from None
            grid = self.book.grid
            longest = float(np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1).max())
            cell = int(np.clip(round(longest / grid.rows), 80, MOST_PHONE_PX))
            shown = rectify(picture, quad, Grid(grid.columns, grid.rows, cell))
        data = io.BytesIO()
        PillowImage.fromarray(shown).save(data, "JPEG", quality=QUALITY)
        return data.getvalue()

    def disagreements(self) -> list[dict[str, Any]]:
        """Cells whose votes differ: first those that nobody has settled, then the others."""
        state = self.book.refresh()
        found = [
            {**self._cell(name, cell), "votes": [[*voter, value] for voter, value in sorted(one.votes_of(cell).items())]}
            for name, one in state.photos.items()
            if name in self.book.photos.files and one.corners is not None
            for cell in self.book.cells
            if one.disagrees(cell)
        ]  # fmt: skip
        return sorted(found, key=lambda entry: bool(entry["settled"]))

    def doubtful(self, listed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Cells of a list of likely label errors, in its order; those of photos that are gone are left out."""
        self.book.refresh()
        return [
            {**self._cell(one["photo"], (one["row"], one["col"])), "suggested": str(one["suggested"]),
             "listed": str(one["label"]), "quality": one["quality"]}
            for one in listed
            if one["photo"] in self.book.photos.files and self.book.state[one["photo"]].corners is not None
        ]  # fmt: skip

    def _cell(self, name: str, cell: tuple[int, int]) -> dict[str, Any]:
        one = self.book.state[name]
        assert one.corners is not None
        return {"id": self.number(name), "name": name, "row": cell[0], "col": cell[1], "corners": list(one.corners),
                "label": one.label(cell), "settled": one.settled.get(cell, "")}  # fmt: skip

    def say(self, name: str, annotator: str, number: int, changes: Iterable[dict[str, Any]]) -> None:
        """An annotator's changes to a photo; what is settled stands for the label from then on."""
        said = [
            Statement(annotator, number, name, change["field"], str(change["value"]).strip(),
                      None if change.get("row") is None else (change["row"], change["col"]))
            for change in changes
        ]  # fmt: skip
        self.book.say(said)
