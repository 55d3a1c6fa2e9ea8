"""Which photo of the folder another tool's file means: by the longest common end of both paths."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from unicodedata import normalize
from urllib.parse import parse_qs, unquote, urlsplit

UPLOAD = re.compile(r"^[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of a file that was uploaded."""
AUGMENTED = re.compile(r"_(?P<suffix>jpe?g|png|bmp|webp|tiff?)\.rf\.[0-9A-Za-z]+\.\w+$", re.IGNORECASE)
"""What Roboflow makes of `.jpg`."""


def spellings(name: str) -> list[tuple[str, ...]]:
    """A path or address as parts, the likeliest reading first: Windows' slashes, URLs, `?d=`, and what tools add to names."""
    texts = [name]
    if "?" in name or "://" in name or "%" in name:
        parts = urlsplit(name)
        asked = parse_qs(parts.query).get("d")
        texts += [asked[0]] if asked else []
        texts += [unquote(parts.path), unquote(name)]
    readings = [normalize("NFC", text.replace("\\", "/")) for text in texts]
    for text in list(readings):
        path = PurePosixPath(text)
        if (plain := UPLOAD.sub("", path.name)) != path.name:
            readings.append(str(path.with_name(plain)))
        if (plain := AUGMENTED.sub(r".\g<suffix>", path.name)) != path.name:
            readings.append(str(path.with_name(plain)))
    found = [tuple(part for part in text.split("/") if part not in ("", ".", "..")) for text in readings]
    return list(dict.fromkeys(parts for parts in found if parts))


class PhotoNames:
    """Photos by their file names, in which the photo that another path means is looked up.

    Args:
        photos: paths within their folder, with slashes.

    """

    def __init__(self, photos: Iterable[str]) -> None:
        self._folds: list[tuple[Callable[[str], str], dict[str, list[tuple[str, list[str]]]]]] = []
        known = [(photo, normalize("NFC", photo).split("/")) for photo in photos]
        for fold in (str, str.casefold):
            ends: dict[str, list[tuple[str, list[str]]]] = {}
            for photo, parts in known:
                ends.setdefault(fold(parts[-1]), []).append((photo, [*map(fold, parts)]))
            self._folds.append((fold, ends))

    def find(self, name: str) -> tuple[list[str], int]:
        """The photos whose paths end most as this one does, and how many parts of the path they have in common.

        One photo is the answer; several are equally likely; none has the same file name. The letters' case counts only where
        nothing fits otherwise: Windows knows none.
        """
        for fold, ends in self._folds:
            for parts in spellings(name):
                own = [*map(fold, parts)]
                shared = [(_common(own, other), photo) for photo, other in ends.get(own[-1], ())]
                if shared:
                    most = max(count for count, _ in shared)
                    return [photo for count, photo in shared if count == most], most
        return [], 0


def find_photos(name: str, photos: Iterable[str]) -> tuple[list[str], int]:
    """`PhotoNames.find` for one name."""
    return PhotoNames(photos).find(name)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
