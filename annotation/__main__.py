"""`python -m annotation serve data=<folder>` and `python -m annotation agreement|doubtful|import|import-masks|import-numbers|export --data <folder>`: what annotators agree on, and labels in and out."""

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from annotation import agreement, import_export
from annotation.coco import from_coco
from annotation.coco_categories import Category, category
from annotation.coco_export import to_coco
from annotation.imported import noted, told, without_lowering
from annotation.label_errors import doubts, write_doubts
from annotation.log import AnnotationError, LogError
from annotation.mask_commands import add_arguments as add_mask_arguments
from annotation.mask_commands import import_masks
from annotation.number_commands import add_arguments as add_number_arguments
from annotation.number_commands import import_numbers
from annotation.photos import Photos
from annotation.profile import device_of
from annotation.store import Book
from choices import CONF
from choices.settings import ClassNames, wrong
from cli.arguments import OneLineParser, check_environment, parser_of, refuse, room_command
from cli.composition_errors import explain
from cli.train_schema import register
from cli.words import check_words
from datamodules.screens.grid import CellPx, Grid, Side
from sweeps.records.run_record import RecordError, one_line

register()


SETTINGS = {"columns": Side, "rows": Side, "cell_px": CellPx, "class_names": ClassNames}
"""Of the data set, what annotating needs to know."""


def main() -> None:
    """Reads the command line and answers."""
    check_environment()
    if room_command("annotation") == "serve":
        from cli.command_line import run_cli
        from web.annotate import main as serve

        del sys.argv[1]
        run_cli(serve, "annotate")
        return
    parser = parser_of("annotation", _add_arguments)
    arguments, overrides = parser.parse_known_args()
    sets = {"import-masks": import_masks, "import-numbers": import_numbers}
    answers = {"agreement": _agreement, "doubtful": _doubtful, "import": _import, "export": _export}
    try:
        if arguments.command in sets:
            if overrides:
                parser.error(f"unrecognized arguments: {' '.join(overrides)}")
            print("\n".join(sets[arguments.command](arguments)))
            return
        book = _book(arguments.data, overrides, writes=arguments.command == "import")
        print("\n".join(answers[arguments.command](book, arguments)))
    except OSError as error:  # no mistake in the words: a full disk, a folder that cannot be written
        sys.exit(f"error: {one_line(error)}")
    except (AnnotationError, LogError, RecordError) as error:
        refuse(error)


def _add_arguments(name: str, command: OneLineParser) -> None:
    if name == "serve":  # Hydra's
        return
    if name in ("import-masks", "import-numbers"):
        (add_mask_arguments if name == "import-masks" else add_number_arguments)(command)
        return
    command.add_argument("--data", type=Path, required=True, help="the annotated folder")
    if name == "doubtful":
        command.add_argument("--runs", type=Path, required=True, help="a sweep's folder with folds, or a run's")
    elif name == "import":
        command.add_argument("--from", dest="source", type=Path, required=True, help="csv, COCO json or folder")
        command.add_argument(
            "--category", action="append", default=[], metavar="NAME=GRADE",
            help="what a COCO category means: scratch=1,2@0.05 is grade 1, from 5 %% of a cell on grade 2",
        )  # fmt: skip
        command.add_argument(
            "--empty", choices=("leave", "no-damage"), default="leave",
            help="a photo on which a COCO file has nothing drawn is left as it is, or has no damage",
        )  # fmt: skip
        command.add_argument(
            "--earlier", choices=("keep", "replace"), default="keep",
            help="a grade that the same annotator gave before and that is higher stays, or is replaced",
        )  # fmt: skip
    elif name == "export":
        command.add_argument("--to", type=Path, required=True, help="a .csv or .json to write")


def _book(data: Path, overrides: list[str], *, writes: bool) -> Book:
    """The folder in the classes and grid of the configured data set, as `serve` has it."""
    if odd := [word for word in overrides if not word.startswith(("datamodule", "profile="))]:
        refuse(f"{odd[0]}: no such option; overrides begin with datamodule or profile=")
    words = check_words(overrides, "annotate")
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            given: DictConfig = compose("annotate", words).datamodule
    except (HydraException, OmegaConfBaseException) as error:
        refuse(explain(error, "annotate"))
    chosen = next((word for word in words if word.startswith("datamodule=")), "datamodule")
    for key, hint in SETTINGS.items():
        if key not in given:
            refuse(f"{chosen}: has no {key}: is not annotated in cells; want datamodule=phone_photos")
        if said := wrong(f"datamodule.{key}", hint, given[key]):
            refuse(said)
    grid = Grid(given.columns, given.rows, given.cell_px)
    device = device_of(OmegaConf.to_container(given), grid)
    return Book(Photos(data), list(given.class_names), grid, device, writes=writes)


def _agreement(book: Book, _: argparse.Namespace) -> list[str]:
    return agreement.lines(agreement.agreement(book.state, len(book.class_names)), book.class_names)


def _doubtful(book: Book, arguments: argparse.Namespace) -> list[str]:
    rows = doubts(book, arguments.runs)
    path = write_doubts(book.photos.root, rows)
    return [
        f"{len(rows)} labels that the networks doubt, the most doubtful first: {path}",
        "walk through them: make annotate, then Review",
    ]


def _import(book: Book, arguments: argparse.Namespace) -> list[str]:
    source: Path = arguments.source
    if not source.exists():
        refuse(f"--from {source}: no such file or folder; want a csv, a COCO .json or a folder per class")
    if source.is_dir():
        found = import_export.from_folders(book, source)
    elif source.suffix.lower() == ".json":
        found = from_coco(
            book, source, _categories(arguments.category), lambda name: _outline(book, name),
            empty_undamaged=arguments.empty == "no-damage",
        )  # fmt: skip
    else:
        found = import_export.from_table(book, source)
    said, lower = without_lowering(book, found.said) if arguments.earlier == "keep" else (found.said, [])
    if said:
        book.say(said)
    if lower:
        found.notes.append(
            f"{len(lower)} cells keep their earlier grade, which is higher than that of {source}, the first: {lower[0].cell} "
            f"of {lower[0].photo}; --earlier replace takes the lower ones"
        )
    for line in (*noted(found.notes), *told(found.left, book.photos.root)):
        print(line)
    if not found.said:
        sys.exit(f"error: {source}: nothing in it could be placed ({len(found.left)} entries left out)")
    cells = sum(one.cell is not None for one in said)
    return [f"{cells} cells of {len({one.photo for one in said})} photos: {book.log.path}"]


def _categories(words: list[str]) -> dict[str, Category]:
    meaning: dict[str, Category] = {}
    for one in words:
        name, equals, text = one.rpartition("=")
        if not equals or not name:
            refuse(f"--category {one}: want NAME=GRADE, such as {one.strip('=')}=3 or {one.strip('=')}=3,4@0.3")
        if meaning.setdefault(name, category(text)) != category(text):
            refuse(f"--category {name}: is given twice; want it once")
    return meaning


def _outline(book: Book, name: str) -> npt.NDArray[np.float64] | None:
    """As it was set, else as it is found."""
    given = book.state[name].corners
    if given is not None:
        return np.array(given).reshape(4, 2)
    from datamodules.screens.outline import OutlineError, from_upper_side
    from export.outline.find import find

    picture = book.photos.pixels(name)
    try:
        found = from_upper_side(find(picture).corners, short=book.grid.columns <= book.grid.rows)
        return np.clip(found, 0, [picture.shape[1], picture.shape[0]])
    except OutlineError:
        return None


def _export(book: Book, arguments: argparse.Namespace) -> list[str]:
    target: Path = arguments.to
    if target.suffix not in (".csv", ".json"):
        raise AnnotationError(f"--to {target}: want a name that ends with .csv or .json (COCO)")
    if target.suffix == ".json":
        return [f"{to_coco(book, target)} polygons: {target}"]
    return [f"{import_export.to_table(book, target)} cells: {target}"]


if __name__ == "__main__":
    main()
