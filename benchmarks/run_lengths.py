"""Decoding a data set of Severstal's size against two peers: `python -m benchmarks.run_lengths`.

12,568 images of 1600 x 256, 7,095 masks on 6,666 of them (the competition's own numbers), drawn as blobs. Peers:
pycocotools (`decode` of its compressed form, its own C code) and the loop over runs that most of the competition's public
notebooks use. All decode to the same pixels. Rounds are interleaved; ratios are medians over rounds.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from datamodules.masks.defect_table import read_defects
from datamodules.masks.run_lengths import Mask, decode, encode

IMAGES, MARKED, MASKS, HEIGHT, WIDTH = 12_568, 6_666, 7_095, 256, 1600
Decode = Callable[[Any], npt.NDArray[Any]]


def main() -> None:
    """Draws, times and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--share", type=float, default=1.0, help="of the data set, to try it")
    arguments = parser.parse_args()
    from pycocotools import mask as coco

    rng = np.random.default_rng(0)
    masks = int(MASKS * arguments.share)
    drawn = [draw(rng) for _ in range(min(masks, 300))]  # as many different ones; text is decoded anew each time
    texts = [encode(one) for one in drawn]
    packed = [coco.encode(np.asfortranarray(one.astype(np.uint8))) for one in drawn]
    order = rng.integers(len(drawn), size=masks)
    peers: dict[str, tuple[Decode, list[Any]]] = {
        "gridlite": (lambda text: decode(text, HEIGHT, WIDTH), [texts[at] for at in order]),
        "notebook loop": (loop, [texts[at] for at in order]),
        "pycocotools": (coco.decode, [packed[at] for at in order]),
    }
    for text, one, other in zip(texts, drawn, packed, strict=True):
        assert (decode(text, HEIGHT, WIDTH) == one).all()
        assert (loop(text) == one).all()
        assert (coco.decode(other) == one).all()
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for round_ in range(arguments.rounds + 1):
        for name, (call, given) in peers.items():
            began = time.perf_counter()
            for one in given:
                call(one)
            if round_:
                seconds[name].append(time.perf_counter() - began)
    table = Table(title=f"{masks} masks of {WIDTH} x {HEIGHT}, medians of {arguments.rounds} interleaved rounds")
    for name in ("peer", "seconds", "µs a mask", "its time over gridlite's"):
        table.add_column(name, justify="left" if name == "peer" else "right")
    for name, values in seconds.items():
        ratio = median(value / ours for value, ours in zip(values, seconds["gridlite"], strict=True))
        table.add_row(name, f"{median(values):.2f}", f"{1e6 * median(values) / masks:.0f}", f"{ratio:.2f}")
    Console().print(table)
    whole(rng, texts, arguments.share)


def whole(rng: np.random.Generator, texts: list[str], share: float) -> None:
    """The table read and all images' four masks made, images without a defect too."""
    images, marked, masks = (int(share * count) for count in (IMAGES, MARKED, MASKS))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "train.csv"
        rows = {
            (int(image), int(label)) for image, label in zip(range(marked), rng.integers(1, 5, marked), strict=True)
        }
        while len(rows) < masks:
            rows.add((int(rng.integers(marked)), int(rng.integers(1, 5))))
        lines = [f"{image:05}.jpg,{label},{texts[int(rng.integers(len(texts)))]}" for image, label in sorted(rows)]
        path.write_text("ImageId,ClassId,EncodedPixels\n" + "\n".join(lines) + "\n")
        began = time.perf_counter()
        found = read_defects(path, 4)
        read = time.perf_counter()
        pixels = sum(np.count_nonzero(found.masks(f"{image:05}.jpg", HEIGHT, WIDTH)) for image in range(images))
        print(f"{images} images, {len(rows)} masks: read in {read - began:.1f} s, all masks in "
              f"{time.perf_counter() - read:.1f} s ({pixels / images / HEIGHT / WIDTH:.1%} of all pixels marked)")  # fmt: skip


def draw(rng: np.random.Generator) -> Mask:
    """Some blobs, jagged at the edges."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(int(rng.integers(1, 7))):
        centre = int(rng.integers(WIDTH)), int(rng.integers(HEIGHT))
        axes = int(rng.integers(5, 120)), int(rng.integers(3, 60))
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    jagged = rng.random((HEIGHT, WIDTH)) < 0.9
    return np.asarray(mask.astype(bool) & jagged | cv2.erode(mask, np.ones((5, 5), np.uint8)).astype(bool))


def loop(text: str) -> npt.NDArray[np.uint8]:
    """As the notebooks have it: a slice for every run."""
    numbers = np.array(text.split(), dtype=int)
    flat = np.zeros(HEIGHT * WIDTH, dtype=np.uint8)
    for start, length in zip(numbers[::2] - 1, numbers[1::2], strict=True):
        flat[start : start + length] = 1
    return flat.reshape(WIDTH, HEIGHT).T


if __name__ == "__main__":
    main()
