"""`python -m datamodules.rendering`: a contact sheet of a folder of phone photos, rendered first where there is none."""

import argparse
import os
from pathlib import Path

from datamodules.base.errors import DataError
from datamodules.rendering import RENDERER_VERSION, contact_sheet, render_dataset
from datamodules.rendering.factors import factor_sheet
from datamodules.rendering.pairs import pair_sheet


def main() -> None:
    """Reads the command line, renders what is missing, draws, and prints where."""
    data = Path(os.environ.get("GRIDLITE_DATA", "data"))
    default = data / f"synthetic_screens-61x224-seed0-v{RENDERER_VERSION}"
    parser = argparse.ArgumentParser(prog="python -m datamodules.rendering", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=default, help="folder with photos.csv, cells.csv and photos/")
    parser.add_argument("--out", type=Path, default=Path("contact_sheet.png"))
    parser.add_argument(
        "--factors", action="store_true", help="the same cells under each factor of datamodule.look instead"
    )
    parser.add_argument(
        "--painted",
        action="store_true",
        help="phones of the folder before and after damage was painted on them instead",
    )
    arguments = parser.parse_args()
    if arguments.painted:
        try:
            pair_sheet(arguments.out, None if arguments.root == default else arguments.root)
        except DataError as error:
            parser.error(str(error))
        print(arguments.out)
        return
    if arguments.factors:
        factor_sheet(arguments.out)
        print(arguments.out)
        return
    if not (arguments.root / "cells.csv").exists():
        if arguments.root != default:
            parser.error(f"{arguments.root}: no photos.csv and cells.csv in it")
        render_dataset(default)
    contact_sheet(arguments.root, arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
