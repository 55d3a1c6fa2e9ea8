"""`python -m datamodules.shackles`: a contact sheet of rendered joints, a row per published level, wear rising to the right."""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from tqdm import tqdm

from datamodules.shackles.dataset import LEVELS, Order, loaded, panoramas_of, scene_of
from datamodules.shackles.scene import MOST_WEAR, Variation, traced


def main() -> None:
    """Reads the command line, renders, draws, and prints where."""
    parser = argparse.ArgumentParser(prog="python -m datamodules.shackles", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=Path("shackles.png"))
    parser.add_argument("--side", type=int, default=224, help="pixels of each picture")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--samples", type=int, default=16, help="light paths per pixel, a square number")
    arguments = parser.parse_args()
    rows = [(name, Variation(*three, samples=arguments.samples)) for name, three in LEVELS.items()]
    rows += [
        ("sharp background and edges", Variation(focus=False, edge_px=0.0, samples=arguments.samples)),
        ("even light", Variation(light="even", samples=arguments.samples)),
        ("partial light", Variation(light="partial", samples=arguments.samples)),
    ]
    side, margin = arguments.side, 26
    sheet = Image.new("RGB", (arguments.columns * side, len(rows) * (side + margin)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    with TemporaryDirectory() as place:
        drawn = panoramas_of(Path(place), None)
        for row, (name, variation) in enumerate(tqdm(rows, desc="rendering", unit="row", leave=False, disable=None)):
            wears = []
            for column, wear in enumerate(np.linspace(0, MOST_WEAR, arguments.columns)):
                order = Order(Path(), column, 0, side, variation, drawn if variation.background else ())
                scene, rng = scene_of(order)
                scene = replace(scene, wear=float(wear))
                around = loaded(drawn[scene.surroundings]) if variation.background else None
                picture = Image.fromarray(traced(scene, variation, around, side, rng))
                sheet.paste(picture, (column * side, row * (side + margin) + margin))
                wears.append(f"{wear:.2f}")
            pen.text((6, row * (side + margin) + 5), f"{name}: wear {', '.join(wears)}", "black", font)
    sheet.save(arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
