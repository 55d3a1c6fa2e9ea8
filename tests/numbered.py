"""A small set of images with numbers: how long a bright bar is."""

import csv
from pathlib import Path

import cv2
import numpy as np


def draw_bars(root: Path, count: int = 60, side: int = 64, seed: int = 0, unit: float = 1.0) -> Path:
    """`count` images; the number is the bar's share of the side times `unit`, from 0.1 to 0.9."""
    rng = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    with (root / "numbers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "number", "source_id"))
        for at in range(count):
            share = float(rng.uniform(0.1, 0.9))
            picture = rng.integers(0, 60, (side, side, 3), dtype=np.uint8)
            top = int(rng.integers(4, side - 16))
            cv2.rectangle(picture, (0, top), (round(share * side), top + 10), (220, 220, 220), -1)
            cv2.imwrite(str(root / "images" / f"bar{at:03}.png"), picture)
            writer.writerow((f"images/bar{at:03}.png", f"{unit * share:.5f}", f"s{at}"))
    return root
