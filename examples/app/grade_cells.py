"""Grades pictures of cells by an exported file, with nothing of gridlite: `python grade_cells.py int8.tflite cell.png …`.

Needs `pip install ai-edge-litert numpy pillow`.
"""

import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def main() -> None:
    """Prints the name, the grade and its probability of each picture."""
    path, *pictures = sys.argv[1:]
    model = Interpreter(path)
    side = int(model.get_input_details()[0]["shape"][1])
    run = model.get_signature_runner()
    labels = labels_of(path)
    for picture in pictures:
        pixels = np.asarray(Image.open(picture).convert("RGB").resize((side, side), Image.Resampling.BOX), np.float32)
        answers = run(image=pixels[None])  # raw RGB, 0 to 255: scaling is inside
        chances = answers["probabilities"][0]
        grade = int(
            answers.get("grade", answers["probabilities"])[0].argmax()
        )  # files of ordinal encodings say it apart
        print(f"{picture}: {labels[grade]}, {100 * chances[grade]:.0f} %")


def labels_of(path: str) -> list[str]:
    """Names of the grades; they are in the file, as MediaPipe's tasks read them."""
    with zipfile.ZipFile(path) as inside:
        return inside.read("labels.txt").decode().split("\n")


if __name__ == "__main__":
    main()
