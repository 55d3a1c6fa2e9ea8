"""`python -m annotation import-numbers`: numbers that people gave images elsewhere, as the csv that a training reads."""

import argparse
import math
import sys
from pathlib import Path

from annotation.image_files import find_images
from annotation.imported import LeftOut, noted, told
from annotation.log import AnnotationError
from annotation.next_line import NotTrainableError, line_of, setting, tried
from annotation.number_set import MEANS, NumberSet, numbered, spelled, write_numbers
from annotation.number_sources import read_source
from cli.arguments import OneLineParser
from datamodules.images.csv_table import OWN_COLUMNS

TABLE = "numbers.csv"


def add_arguments(command: OneLineParser) -> None:
    """What `import-numbers` takes."""
    command.add_argument("--data", type=Path, required=True, help="the folder of images, in subfolders or not")
    command.add_argument(
        "--from", dest="source", type=Path, required=True, help="Label Studio's JSON, JSON-MIN or CSV, or any csv"
    )
    command.add_argument(
        "--to", default=TABLE, help=f"the csv to write, a name within the folder of images (default: {TABLE})"
    )
    command.add_argument(
        "--replace", action="store_true", help="writes over a csv of that name, which is refused otherwise"
    )
    command.add_argument("--name-column", default="", help="the column, or datum of a task, that names the image")
    command.add_argument("--value-column", default="", help="the column, or control, that has the numbers")
    command.add_argument("--column", default="number", help="what the numbers are called here (default: number)")
    command.add_argument("--low", type=_number, help="the lower end of the range; a number below it is left out")
    command.add_argument("--high", type=_number, help="the upper end of the range")
    command.add_argument(
        "--several", choices=tuple(MEANS), default="mean", help="what several numbers of an image become"
    )


def import_numbers(arguments: argparse.Namespace) -> list[str]:
    """Reads numbers, writes the csv, and says what to type next; ends with 1 where nothing could be placed.

    Raises AnnotationError for what is wrong with the words or with a source as a whole.
    """
    target = _target(arguments)
    source = read_source(arguments.source, arguments.name_column, arguments.value_column)
    outside: list[LeftOut] = []
    files = find_images(arguments.data, outside)
    chosen = numbered(source, list(files), arguments.low, arguments.high, arguments.several)
    bare = [name for name in files if name not in chosen.images]
    if bare and chosen.images:
        chosen.notes.append(f"{len(bare)} images of {arguments.data} get no number, the first: {bare[0]}")
    if chosen.images:
        write_numbers(chosen, target, arguments.column)
    for line in (*noted(chosen.notes), *told([*outside, *chosen.left], arguments.data)):
        print(line)
    if not chosen.images:
        sys.exit(f"error: {arguments.source}: nothing in it could be placed ({len(chosen.left)} entries left out)")
    return _written(arguments, chosen, target)


def _written(arguments: argparse.Namespace, chosen: NumberSet, target: Path) -> list[str]:
    words = ["task=regression", "encoding=l1", "datamodule=image_numbers", setting("datamodule.root", arguments.data)]
    more = {"table": (arguments.to, TABLE), "column": (arguments.column, "number")}
    words += [setting(f"datamodule.{key}", value) for key, (value, usual) in more.items() if value != usual]
    words += [f"datamodule.low={spelled(chosen.low)}", f"datamodule.high={spelled(chosen.high)}"]
    lines = [f"{len(chosen.images)} images with a number from {chosen.low:g} to {chosen.high:g}: {target}"]
    try:
        words, _ = tried(words)
    except NotTrainableError as error:
        print("\n".join(lines))
        sys.exit(f"error: {target}: lies there, but cannot be divided for a training, want more images: {error}")
    return [*lines, f"next: {line_of(words)}"]


def _target(arguments: argparse.Namespace) -> Path:
    target: Path = arguments.data / arguments.to
    if Path(arguments.to).name != arguments.to or target.suffix.lower() != ".csv":
        raise AnnotationError(
            f"--to {arguments.to}: want a name that ends with .csv, without a folder: it lies in --data"
        )
    if not arguments.column or arguments.column in (*OWN_COLUMNS, "answers", "spread"):
        raise AnnotationError(f"--column {arguments.column}: the csv has such a column already; want another name")
    if arguments.low is not None and arguments.high is not None and not arguments.low < arguments.high:
        raise AnnotationError(f"--low {arguments.low:g} --high {arguments.high:g}: want low below high")
    if not arguments.source.is_file():
        raise AnnotationError(f"--from {arguments.source}: no such file; want a csv or a .json")
    if arguments.data.is_dir() and target.exists() and arguments.source.resolve() == target.resolve():
        raise AnnotationError(f"--to {arguments.to}: is what is read; want another name")
    if target.exists() and not arguments.replace:
        raise AnnotationError(f"{target}: is there already; want --replace, or another name with --to")
    return target


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text}: want a number")
    return number
