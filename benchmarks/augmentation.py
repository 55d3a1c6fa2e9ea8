"""Augmentation of whole batches against albumentations': `python -m benchmarks.augmentation --photos <phone photos>`.

Prints milliseconds per batch on one core and ratios (interleaved, medians), and draws both side by side: the same cells,
each as it is, then as `heavy` changes it, by albumentations above and by the batched form below.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image, ImageDraw, ImageFont

from choices import CONF
from cli.train_schema import register
from datamodules.augmentation import heavy, light
from datamodules.batched import BatchedAugmentation

FORMS: dict[str, Any] = {"light": light, "heavy": heavy}
SHOWN, DRAWS, GAP, MARGIN = 6, 8, 4, 150
INK, PAPER = (40, 40, 40), (255, 255, 255)


def main() -> None:
    """Measures, draws and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder with photos.csv, cells.csv and photos/")
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("augmentation.jpg"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = [
            "datamodule=phone_photos",
            f"datamodule.root={arguments.photos}",
            f"datamodule.cache={arguments.cache}",
        ]
        samples = instantiate(compose("train", overrides=words).datamodule).load()
    print(f"{arguments.batch} cells on one core, medians of {arguments.rounds} interleaved rounds")
    for side in (128, 224):
        cells = np.array(samples.images(side)[: arguments.batch])
        for name in FORMS:
            times = timed(name, cells, arguments.rounds)
            there = times["albumentations"]
            words = [f"{form} {1e3 * value:.1f} ms ({there / value:.1f} times)" for form, value in times.items()]
            print(f"  {name}, {side} px: " + ", ".join(words))
    labels = samples.table.label.to_numpy()
    chosen = [int(np.flatnonzero(labels == grade)[3]) for grade in range(len(samples.class_names))]
    sheet([np.array(samples.images(128)[place]) for place in chosen], list(samples.class_names)).save(
        arguments.out, quality=88
    )
    print(f"side by side: {arguments.out}")


def timed(name: str, cells: npt.NDArray[np.uint8], rounds: int) -> dict[str, float]:
    """Seconds per batch of each form."""
    places = np.arange(len(cells))
    whole = FORMS[name](backend="batched")
    single = FORMS[name](backend="albumentations")
    tensors = torch.from_numpy(cells).permute(0, 3, 1, 2)
    forms: dict[str, Any] = {
        "albumentations": lambda epoch: single.on_batch(cells.copy(), places, len(cells), 0, epoch),
        "batched, OpenCV": lambda epoch: whole.on_batch(cells.copy(), places, len(cells), 0, epoch),
        "batched, torch": lambda epoch: whole.on_tensors(tensors, whole.draw(len(cells), (0, epoch)), places),
    }
    times: dict[str, list[float]] = {form: [] for form in forms}
    for epoch in range(rounds + 1):
        for form, augment in forms.items():
            began = time.perf_counter()
            augment(epoch)
            if epoch:
                times[form].append(time.perf_counter() - began)
    return {form: median(values) for form, values in times.items()}


def sheet(cells: list[npt.NDArray[np.uint8]], names: list[str]) -> Image.Image:
    """A pair of rows per cell, `(S, S, 3)` each: eight draws of either form."""
    side = cells[0].shape[0]
    step = side + GAP
    page = Image.new("RGB", (MARGIN + (1 + DRAWS) * step + 12, 2 * len(cells) * step + 12 * len(cells) + 30), PAPER)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(15)
    draw.text((MARGIN, 6), "as it is", INK, font)
    draw.text((MARGIN + step + 12, 6), "heavy, eight draws: albumentations above, batched below", INK, font)
    for number, (cell, name) in enumerate(zip(cells, names, strict=True)):
        top = 30 + number * (2 * step + 12)
        draw.text((8, top + side), name.replace("_", "\n"), INK, font, anchor="lm")
        page.paste(Image.fromarray(cell), (MARGIN, top + step // 2))
        for row, backend in enumerate(("albumentations", "batched")):
            for column, image in enumerate(drawn(cell, backend)):
                page.paste(Image.fromarray(image), (MARGIN + (1 + column) * step + 12, top + row * step))
    return page


def drawn(cell: npt.NDArray[np.uint8], backend: str) -> npt.NDArray[np.uint8]:
    """The cell as eight samples of an epoch."""
    images = np.repeat(cell[None], DRAWS, axis=0)
    form = heavy(backend=backend)
    assert isinstance(form, BatchedAugmentation) == (backend == "batched")
    form.on_batch(images, np.arange(DRAWS), DRAWS, 0, 0)
    return images


if __name__ == "__main__":
    main()
