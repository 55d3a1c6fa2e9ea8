"""Trains the network that finds phones and writes outline.tflite: `python -m export.outline --photos <rendered folder>`."""

import argparse
from pathlib import Path

import torch

from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import read_photo_folder
from export.convert import to_float32, to_onnx
from export.flatbuffer import half_precision
from export.outline.network import Deployable
from export.outline.network_file import FILE, SIDE
from export.outline.samples import rendered
from export.outline.training import train
from training.trainer import quiet


def main() -> None:
    """Reads the command line, trains, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--photos", type=Path, required=True, help="a rendered folder, such as data/synthetic_screens-…"
    )
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    quiet()
    phones = rendered(read_photo_folder(arguments.photos, Grid(3, 5, 300), 5))
    network = train(phones, arguments.samples, workers=arguments.workers)
    torch.save(network.state_dict(), arguments.out.with_suffix(".pt"))
    data = half_precision(to_float32(to_onnx(Deployable(network), (SIDE, SIDE), ["mask"])))  # type: ignore[arg-type]
    arguments.out.write_bytes(data)
    print(f"{len(data) / 1000:.0f} kB: {arguments.out}")


if __name__ == "__main__":
    main()
