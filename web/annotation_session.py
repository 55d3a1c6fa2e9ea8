"""An annotator's desk: photos in an order, outlines, straightened phones and a network's proposals, as pages ask for them."""

import hashlib
import io
import random
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from annotation.agreement import Agreement, agreement
from annotation.device_suggestions import Look, look_of, suggest
from annotation.log import AnnotationError, Statement
from annotation.pre_annotations import Proposals, doubt
from annotation.store import Book
from datamodules.base.pixels import Image, resize
from datamodules.screens.grid import Grid, check_corners, rectify
from datamodules.screens.outline import OutlineError

Corners = npt.NDArray[np.float64]
MOST_PHONE_PX = 480
"""Side of a cell in the straightened phone that the page shows: more would be magnified anyway."""
QUALITY = 93
"""Of the JPEG pictures: hairlines have to survive."""
MOST_LOOKS = 8
"""Phones that are newly compared for one suggestion; those compared before cost nothing."""


class AnnotationSession:
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
        self._names: dict[str, str] = {}
        self.jpeg = lru_cache(maxsize=64)(self._jpeg)

    @property
    def folder(self) -> str:
        """A name for this very folder, for what a browser keeps of it."""
        return hashlib.sha256(str(self.book.photos.base).encode()).hexdigest()[:12]

    def id_of(self, name: str) -> str:
        """A photo's, the same whatever photos are added; another folder's photo of that name has another."""
        made = hashlib.sha256(f"{self.folder} {name}".encode()).hexdigest()[:12]
        self._names[made] = name
        return made

    def name_of(self, made: str) -> str:
        """The photo with this id. Raises KeyError."""
        if made not in self._names:
            for name in list(self.book.photos.files):
                self.id_of(name)
        return self._names[made]

    def outline(self, name: str) -> tuple[Corners | None, str]:
        """The corners that somebody has set, or else those that are found; or None and why none were found."""
        with self.book.reading() as state:
            given = state[name].corners
        return self.found(name) if given is None else (np.array(given).reshape(4, 2), "")

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
        self.book.photos.scan()
        names = sorted(self.book.photos.files)
        if number > 1:
            random.Random(f"{annotator} {number}").shuffle(names)
        elif self.proposals is not None:
            doubts = {name: self.doubt(name) for name in names}
            names.sort(key=lambda name: -doubts[name])
        entries = []
        with self.book.reading() as state:
            for name in names:
                one = state[name]
                mine = sum((annotator, number) in one.votes.get(cell, {}) for cell in self.book.cells)
                entries.append({"id": self.id_of(name), "name": name, "graded": mine, "cells": len(self.book.cells),
                                "unusable": one.left_out, "device": one.columns.get("source_id", "")})  # fmt: skip
        return entries

    def photo(self, name: str, annotator: str, number: int) -> dict[str, Any]:
        """What the page shows of one photo to this annotator: nobody else's grades."""
        corners, why = self.outline(name)
        chances = None if corners is None else self.proposed(name)
        file = self.book.photos[name]
        with self.book.reading() as state:
            one, known = state[name], state.sources()
            device = one.columns.get("source_id", "")
            labels = [one.votes.get(cell, {}).get((annotator, number), "") for cell in self.book.cells]
            found = {
                "set": one.corners is not None,
                "comment": one.columns.get("comment", ""),
                "unusable": one.left_out,
            }
        suggested, because = ("", "") if device else self._suggested(name, known)
        return found | {
            "id": self.id_of(name), "name": name, "width": file.width, "height": file.height, "version": self._version(name),
            "corners": None if corners is None else corners.tolist(), "why": why, "labels": labels, "device": device,
            "devices": sorted(set(known.values())), "suggested": suggested, "because": because,
            "proposed": None if chances is None else chances.tolist(),
        }  # fmt: skip

    def proposed(self, name: str) -> npt.NDArray[np.float64] | None:
        """The network's probabilities `(cells, K)`, None without a network, an outline or a readable photo."""
        corners, _ = self.outline(name)
        if self.proposals is None or corners is None:
            return None
        try:
            return self.proposals.of(lambda: self.book.photos.pixels(name), f"{name} {self._version(name)}", corners)
        except (AnnotationError, OSError):
            return None

    def doubt(self, name: str) -> float:
        """How unsure the network is of a photo; 1 where it was not asked."""
        chances = self.proposed(name)
        return 1.0 if chances is None else doubt(chances)

    def _version(self, name: str) -> str:
        stat = self.book.photos[name].path.stat()
        return f"{stat.st_size}-{stat.st_mtime_ns}"

    def _suggested(self, name: str, known: dict[str, str]) -> tuple[str, str]:
        left = MOST_LOOKS

        def look(other: str) -> Look | None:
            nonlocal left
            corners, _ = self.outline(other)
            if corners is None:
                return None
            key = corners.tobytes()
            if self._looks.get(other, (b"",))[0] != key:
                if not left:
                    return None
                left -= 1
                try:
                    self._looks[other] = key, look_of(self.book.photos.pixels(other), corners)
                except (AnnotationError, OSError):
                    return None
            return self._looks[other][1]

        photos = self.book.photos
        return suggest(photos[name], known, photos.files, look)

    def _jpeg(self, name: str, version: str, corners: tuple[float, ...] | None, side: int) -> bytes:
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
            cell = int(np.clip(round(longest / max(grid.rows, grid.columns)), 80, MOST_PHONE_PX))
            shown = rectify(picture, quad, Grid(grid.columns, grid.rows, cell))
        data = io.BytesIO()
        PillowImage.fromarray(shown).save(data, "JPEG", quality=QUALITY)
        return data.getvalue()

    def disagreements(self) -> list[dict[str, Any]]:
        """Cells whose votes differ: first those that nobody has settled, then the others."""
        with self.book.reading() as state:
            found = [
                self._cell(name, cell) | {"votes": [[*voter, value] for voter, value in sorted(one.votes_of(cell).items())]}
                for name, one in state.photos.items()
                if name in self.book.photos.files and one.corners is not None and not one.left_out
                for cell in self.book.cells
                if one.disagrees(cell)
            ]  # fmt: skip
        return sorted(found, key=lambda entry: bool(entry["settled"]))

    def doubtful(self, listed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Cells of a list of likely label errors, in its order; those of photos that are gone are left out."""
        with self.book.reading() as state:
            return [
                self._cell(one["photo"], (one["row"], one["col"])) | {"suggested": str(one["suggested"])}
                for one in listed
                if one["photo"] in self.book.photos.files and state[one["photo"]].corners is not None
            ]

    def _cell(self, name: str, cell: tuple[int, int]) -> dict[str, Any]:
        one = self.book.state[name]
        assert one.corners is not None
        return {"id": self.id_of(name), "name": name, "version": self._version(name), "row": cell[0], "col": cell[1],
                "corners": list(one.corners), "label": one.label(cell), "settled": one.settled.get(cell, "")}  # fmt: skip

    def agreement(self) -> Agreement:
        """How far the annotators agree."""
        with self.book.reading() as state:
            return agreement(state, len(self.book.class_names))

    def say(self, name: str, annotator: str, number: int, changes: Iterable[dict[str, Any]]) -> None:
        """An annotator's changes to a photo; those marked as defaults yield to what anybody has said."""
        said: list[Statement] = []
        assumed: list[Statement] = []
        for change in changes:
            cell = None if change.get("row") is None else (change["row"], change["col"])
            if change["field"] == "turned":
                change |= {"value": f"{self.book.grid.rows}x{self.book.grid.columns}"}
            one = Statement(annotator, number, name, change["field"], str(change["value"]).strip(), cell)
            (assumed if change.get("default") else said).append(one)
            if change["field"] == "label" and change.get("proposed") and self.proposals is not None:
                shown = f"{change['proposed']} {self.proposals.name}"
                said.append(Statement(annotator, number, name, "proposed", shown, cell))
        self.book.say(said, assumed)
