"""Draws a small folder of classes, to have something to try: `python draw.py <folder> [<pictures of each class>]`."""

import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 160
KINDS = {"asters": (16, 0.2), "tulips": (3, 0.9), "violets": (5, 0.55)}
"""Petals, and how wide each is for its length."""


def main() -> None:
    """Writes `<folder>/<class>/<number>.jpg`."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    rng = random.Random(0)
    for name, (petals, width) in KINDS.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            flower(rng, petals, width).save(folder / name / f"{number:03d}.jpg", quality=90)
    print(f"{folder}: {count} pictures of each of {len(KINDS)} classes")


def flower(rng: random.Random, petals: int, width: float) -> Image.Image:
    """One in a random colour, size, place and light."""
    ground = tuple(rng.randint(30, 160) for _ in range(3))
    picture = Image.new("RGB", (SIDE, SIDE), ground)
    draw = ImageDraw.Draw(picture)
    x, y, length = rng.uniform(60, 100), rng.uniform(60, 100), rng.uniform(35, 60)
    colour, turn = tuple(rng.randint(120, 255) for _ in range(3)), rng.uniform(0, math.tau)
    for petal in range(petals):
        angle = turn + math.tau * petal / petals
        reach, half = length * rng.uniform(0.85, 1.1), length * width / 2
        outline = []
        for step in range(24):
            along, across = reach * (1 - math.cos(math.tau * step / 24)) / 2, half * math.sin(math.tau * step / 24)
            outline.append(
                (
                    x + along * math.cos(angle) - across * math.sin(angle),
                    y + along * math.sin(angle) + across * math.cos(angle),
                )
            )
        draw.polygon(outline, fill=colour)
    draw.ellipse((x - 8, y - 8, x + 8, y + 8), fill=(230, 190, 60))
    for _ in range(600):
        place = rng.randrange(SIDE), rng.randrange(SIDE)
        picture.putpixel(
            place, tuple(min(255, max(0, value + rng.randint(-40, 40))) for value in picture.getpixel(place))
        )
    return picture


if __name__ == "__main__":
    main()
