"""Drawn pictures with any number of shapes in them, and a csv that says which."""

import csv

import cv2
import numpy as np

LABELS = ["disc", "square", "cross"]


def draw_labelled(root, count=90, side=48, seed=0):
    """Writes `root/labels.csv` and pictures beside it: a disc, a square and a cross, each there or not, on noise."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True)
    with (root / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *LABELS])
        for number in range(count):
            here = [number % 2, number // 2 % 2, int(rng.random() < 0.4)]
            picture = rng.integers(60, 120, (side, side, 3)).astype(np.uint8)
            third = side // 3
            if here[0]:
                cv2.circle(picture, (third // 2 + 2, int(rng.integers(8, side - 8))), 6, (230, 40, 40), -1)
            if here[1]:
                y = int(rng.integers(4, side - 16))
                cv2.rectangle(picture, (third + 2, y), (third + 13, y + 11), (40, 230, 40), -1)
            if here[2]:
                x, y = 2 * third + 7, int(rng.integers(8, side - 8))
                cv2.line(picture, (x - 6, y - 6), (x + 6, y + 6), (60, 60, 240), 3)
                cv2.line(picture, (x - 6, y + 6), (x + 6, y - 6), (60, 60, 240), 3)
            name = f"{number:03}.png"
            cv2.imwrite(str(root / name), picture[..., ::-1])
            writer.writerow([name, *here])
