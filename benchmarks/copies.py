"""Copies of pictures, found and missed: `python -m benchmarks.copies folder=<pictures> most=300 times=20000`.

Half of the pictures get a copy of each kind, saved as a JPEG of quality 60. Recall: copies that share a group with their original;
precision: pairs in one group that are copies of one picture. The peer is imagehash's pHash alone, within as many bits. `times`
repeats the pictures, each turned by a few degrees of its own, to so many in all and says how long they take.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from benchmarks.words import given_words
from datamodules.base.array_cache import threaded_map
from datamodules.base.pixels import Image
from datamodules.images.decoding import SUFFIXES, decode
from datamodules.images.near_duplicates import MOST_BITS, duplicate_groups, look_of

Change = Callable[[Image, np.random.Generator], Image]


def quarter_turn(picture: Image, rng: np.random.Generator) -> Image:
    """One of the seven other orientations."""
    kind = int(rng.integers(1, 8))
    turned = np.rot90(picture, kind % 4)
    return np.ascontiguousarray(turned[:, ::-1] if kind > 3 else turned)


def cropped(picture: Image, rng: np.random.Generator) -> Image:
    """70 to 95 % of each side, anywhere."""
    sides = [int(side * rng.uniform(0.7, 0.95)) for side in [picture.shape[0], picture.shape[1]]]
    top, left = (int(rng.integers(0, side - kept + 1)) for side, kept in zip(picture.shape, sides, strict=False))
    return picture[top : top + sides[0], left : left + sides[1]]


def brightness(picture: Image, rng: np.random.Generator) -> Image:
    """0.6 to 1.4 times as bright, and up to 40 of 255 more or less."""
    return np.clip(picture * rng.uniform(0.6, 1.4) + rng.uniform(-40, 40), 0, 255).astype(np.uint8)


def recoloured(picture: Image, rng: np.random.Generator) -> Image:
    """Another hue, by up to 30 degrees, and saturation."""
    hsv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2HSV), np.int64)
    hsv[..., 0] = (hsv[..., 0] + rng.integers(-15, 16)) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.4, 1.5), 0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), np.uint8)


def tilted(picture: Image, rng: np.random.Generator) -> Image:
    """By up to 15 degrees."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-15, 15)), 1.0)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)


def all_of_it(picture: Image, rng: np.random.Generator) -> Image:
    """Cropped, turned and made brighter or darker."""
    return brightness(quarter_turn(cropped(picture, rng), rng), rng)


CHANGES: dict[str, Change] = {
    "quarter turn or mirror": quarter_turn,
    "crop": cropped,
    "brightness, contrast": brightness,
    "hue, saturation": recoloured,
    "tilt of up to 15°": tilted,
    "crop, turn and brightness": all_of_it,
}


def main() -> None:
    """Prints a row per kind of copy, then how long it takes."""
    given = given_words(__doc__, "folder")
    files = [file for file in sorted(Path(given["folder"]).rglob("*")) if file.suffix.lower() in SUFFIXES]
    if len(files) < 2:
        sys.exit(f"{given['folder']}: no two pictures here")
    rng = np.random.default_rng(0)
    files = [files[at] for at in rng.permutation(len(files))[: int(given.get("most", 300))]]
    pictures = list(threaded_map(lambda at: decode(files[at]), range(len(files))))
    rows = [("original", at, picture) for at, picture in enumerate(pictures)]
    rows += [
        (name, at, _saved(change(picture, rng)))
        for at, picture in enumerate(pictures[: len(pictures) // 2])
        for name, change in CHANGES.items()
    ]
    kinds, originals = [kind for kind, _, _ in rows], np.array([at for _, at, _ in rows])
    looks = list(threaded_map(lambda at: look_of(rows[at][2]), range(len(rows))))
    groups = duplicate_groups(looks, [""] * len(rows))
    hashes = [imagehash.phash(PillowImage.fromarray(picture)) for _, _, picture in rows]
    hash_alone = [hashes[at] - hashes[originals[at]] <= MOST_BITS for at in range(len(rows))]
    print(f"{len(files)} pictures of {given['folder']}, {len(rows)} with their copies")
    for name in CHANGES:
        here = [at for at, kind in enumerate(kinds) if kind == name]
        found = np.mean([groups[at] == groups[originals[at]] for at in here])
        print(f"  recall {found:.3f}, pHash alone {np.mean([hash_alone[at] for at in here]):.3f}: {name}")
    right, wrong = _pairs(groups, originals)
    print(f"precision {right / max(1, right + len(wrong)):.5f}: {right + len(wrong)} pairs in one group")
    for one, other in {(originals[a], originals[b]) for a, b in wrong}:
        print(f"  together, and not copied: {files[one]} {files[other]}")
    if "times" in given:
        _timed(pictures, int(given["times"]))


def _saved(picture: Image) -> Image:
    code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


def _pairs(groups: npt.NDArray[np.int64], originals: npt.NDArray[np.int64]) -> tuple[int, list[tuple[int, int]]]:
    """How many pairs of a group are of one original, and those that are not."""
    right, wrong = 0, []
    for number in np.unique(groups):
        members = np.flatnonzero(groups == number)
        for place, one in enumerate(members):
            for other in members[place + 1 :]:
                if originals[one] == originals[other]:
                    right += 1
                else:
                    wrong.append((int(one), int(other)))
    return right, wrong


def _timed(pictures: list[Image], count: int) -> None:
    """Different pictures, as far as there are any: tiles of mixtures of two that are no copies of each other."""
    rng = np.random.default_rng(1)
    side = 256

    def file(at: int) -> npt.NDArray[np.uint8]:
        own = np.random.default_rng(at)
        one, other = (cv2.resize(pictures[int(own.integers(len(pictures)))], (side, side)) for _ in range(2))
        turned = np.roll(np.rot90(other, int(own.integers(4))), own.integers(0, side, 2), (0, 1))
        mixed = (0.5 * one[:, ::-1] * own.uniform(0.4, 1) + 0.5 * turned).astype(np.uint8)
        return np.asarray(cv2.imencode(".jpg", mixed)[1], np.uint8)

    rng.shuffle(order := np.arange(count))
    files = list(threaded_map(lambda at: file(int(order[at])), range(count)))
    began = time.perf_counter()
    looks = list(
        threaded_map(lambda at: look_of(np.asarray(cv2.imdecode(files[at], cv2.IMREAD_COLOR), np.uint8)), range(count))
    )
    seen = time.perf_counter()
    groups = duplicate_groups(looks, [""] * count)
    ended = time.perf_counter()
    print(
        f"{count} pictures: decoded and looked at in {seen - began:.0f} s, compared in {ended - seen:.0f} s; {len(np.unique(groups))} groups"
    )


if __name__ == "__main__":
    main()
