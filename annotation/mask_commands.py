"""`python -m annotation import-masks`: masks that another tool has drawn, as a folder that a training reads."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from annotation.brush_masks import BrushMasks, is_brush
from annotation.coco_masks import CocoMasks
from annotation.image_files import find_images
from annotation.imported import LeftOut, noted, told
from annotation.log import AnnotationError
from annotation.mask_set import TABLE, MaskSet, check_new, gathered, write_set
from annotation.mask_source import Collected, Naming, Options
from annotation.next_line import NotTrainableError, line_of, listed, resolution_of, setting, tried
from annotation.phone_mask_set import gathered_on_phones, phones_in, write_phone_set
from annotation.photos import PhotoFile
from annotation.png_masks import PngMasks
from cli.arguments import OneLineParser
from datamodules.screens.grid import Grid
from datamodules.screens.photo_folder import PhotoFolder

Source = CocoMasks | PngMasks | BrushMasks
SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
FOR_COMPETITIONS = 625
"""Images from which on the usual number of test images is held back."""


def add_arguments(command: OneLineParser) -> None:
    """What `import-masks` takes."""
    command.add_argument("--data", type=Path, required=True, help="the folder of images, in subfolders or not")
    command.add_argument(
        "--from", dest="source", type=Path, required=True,
        help="a COCO .json, or a folder of PNG masks: one per image with numbers or colours, a folder per class, black and "
        "white, or Label Studio's brush",
    )  # fmt: skip
    command.add_argument("--to", type=Path, required=True, help="a new folder: images and train.csv")
    command.add_argument(
        "--classes", default="",
        help="of PNG masks: names of 1, 2, ... such as scratch,pit, or 1=scratch,4=pit, or a file: a name a line, number,name, or "
        "CVAT's labelmap.txt",
    )  # fmt: skip
    command.add_argument(
        "--tasks", type=Path, help="Label Studio's JSON export: which image each task of a brush mask is"
    )
    command.add_argument(
        "--category", action="append", default=[], metavar="NAME=CLASS",
        help="what a category is called here; several of one name become one class",
    )  # fmt: skip
    command.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="a category that is not taken in"
    )
    command.add_argument(
        "--background", action="append", type=int, default=[], metavar="NUMBER",
        help="of PNG masks: a number that is no class, beside 0, such as 255",
    )  # fmt: skip
    command.add_argument(
        "--empty", choices=("leave", "no-defect"), default="leave",
        help="an image on which nothing is drawn is left out, or has no defect",
    )  # fmt: skip
    command.add_argument(
        "--incomplete", choices=("keep", "leave"), default="keep",
        help="an image of which a drawing could not be read is taken with its others, or left out",
    )  # fmt: skip
    command.add_argument(
        "--boxes", choices=("leave", "fill"), default="leave",
        help="a box without an outline is left out, or the whole of it is the mask",
    )  # fmt: skip
    command.add_argument(
        "--phones", action="store_true",
        help="--data is a folder of phones with photos.csv: the masks are cut into cells by the outlines in it, and lie beside the photos",
    )  # fmt: skip
    command.add_argument("--size", default="", metavar="WIDTHxHEIGHT", help="resizes images and masks to this")


def import_masks(arguments: argparse.Namespace) -> list[str]:
    """Reads masks, writes the folder, and says what to type next; ends with 1 where nothing could be placed.

    Raises AnnotationError for what is wrong with the words or with a source as a whole.
    """
    size = _size(arguments.size)
    check_new(arguments.to)
    if arguments.to.resolve().is_relative_to(arguments.data.resolve()):
        raise AnnotationError(
            f"--to {arguments.to}: lies within --data, whose images it will hold; want a folder beside it"
        )
    if not arguments.source.exists():
        raise AnnotationError(
            f"--from {arguments.source}: no such file or folder; want a COCO .json or a folder of masks"
        )
    options = Options(
        naming=_naming(arguments.category, arguments.without),
        empty_is_clean=arguments.empty == "no-defect",
        fill_boxes=arguments.boxes == "fill",
        keep_partial=arguments.incomplete == "keep",
        classes=arguments.classes,
        background=frozenset(arguments.background),
        tasks=arguments.tasks,
    )
    if arguments.phones and size:
        raise AnnotationError(
            f"--size {arguments.size}: is for whole pictures; with --phones cells get their size in training"
        )
    phones = phones_in(arguments.data) if arguments.phones else None
    source, files = source_of(arguments.data, arguments.source, options)
    found = source.found
    if phones is not None:
        return _import_on_phones(source, files, phones, arguments, options)
    chosen = gathered(source, files, size, keep_partial=options.keep_partial)
    resolution = resolution_of(chosen.size) if chosen.classes else 0
    if chosen.classes:
        write_set(chosen, files, arguments.to)
    _count(found, options)
    for line in (*noted(found.notes), *told(found.left, _report_place(arguments.to))):
        print(line)
    if not chosen.classes:
        nothing = "no class is drawn on any image" if chosen.images else "nothing in it could be placed"
        sys.exit(f"error: {arguments.source}: {nothing} ({len(found.left)} entries left out)")
    return _written(arguments.to, chosen, resolution)


def _import_on_phones(
    source: Source, files: dict[str, PhotoFile], phones: PhotoFolder, arguments: argparse.Namespace, options: Options
) -> list[str]:
    found, target = source.found, arguments.to
    chosen = gathered_on_phones(source, files, phones, keep_partial=options.keep_partial)
    if chosen.classes:
        write_phone_set(chosen, files, target)
    _count(found, options)
    for line in (*noted(found.notes), *told(found.left, _report_place(target))):
        print(line)
    if not chosen.classes:
        sys.exit(f"error: {arguments.source}: no damage is drawn on any phone ({len(found.left)} entries left out)")
    counts = [f"{name} on {sum(name in one for one in chosen.runs.values())}" for name in chosen.classes]
    what = "cells" if phones.ready_cut else "photos"
    line = f"{len(chosen.runs)} {what} of {len(chosen.photos)} photos with masks, {', '.join(counts)}: {target}"
    words = ["task=segmentation", "datamodule=phone_photos", setting("datamodule.root", target)]
    grid = phones.grid
    words += [
        f"datamodule.{name}={getattr(grid, name)}"
        for name in ("columns", "rows")
        if getattr(grid, name) != getattr(Grid(), name)
    ]
    return _with_next([line], words, target)


def source_of(data: Path, path: Path, options: Options) -> tuple[Source, dict[str, PhotoFile]]:
    """What the masks are in, and the images below `data`. Raises AnnotationError for what is neither of the kinds."""
    outside: list[LeftOut] = []
    files = find_images(data, outside, without=path if path.is_dir() else None)
    source: Source
    brush = path.is_dir() and is_brush(path)
    _check_used(options, "a COCO file" if not path.is_dir() else "a brush's masks" if brush else "PNG masks")
    if path.is_dir():
        source = BrushMasks(path, files, options) if brush else PngMasks(path, data, files, options)
    elif path.suffix.lower() == ".json":
        source = CocoMasks(path, files, options)
    else:
        raise AnnotationError(f"--from {path}: want a COCO .json or a folder of masks")
    source.found.left[:0] = outside
    return source, files


def _check_used(options: Options, kind: str) -> None:
    """Raises AnnotationError for an option that says nothing of this kind of source."""
    given = {
        "--classes": (bool(options.classes), "PNG masks"),
        "--background": (bool(options.background), "PNG masks"),
        "--tasks": (options.tasks is not None, "a brush's masks"),
        "--boxes fill": (options.fill_boxes, "a COCO file"),
    }
    for option, (there, of) in given.items():
        if there and of != kind:
            raise AnnotationError(f"{option}: is for {of}, and this is {kind}; want it left out")


def _count(found: Collected, options: Options) -> None:
    if found.empty and not options.empty_is_clean:
        found.notes.append(
            f"{len(found.empty)} images have nothing drawn on them and were left out, the first: {found.empty[0]}; "
            "--empty no-defect takes them as without defect"
        )
    if found.partial:
        taken = "were taken with the others" if options.keep_partial else "were left out"
        other = "leave leaves them out" if options.keep_partial else "keep takes them with the others"
        found.notes.append(
            f"{len(found.partial)} images have drawings that could not be read, and {taken}, the first: {found.partial[0]}; "
            f"--incomplete {other}"
        )


def _written(target: Path, chosen: MaskSet, resolution: int) -> list[str]:
    words = [
        "experiment=steel",
        setting("datamodule.root", target),
        listed("datamodule.class_names", chosen.classes),
        f"resolution={resolution}",
    ]
    counts = [f"{name} on {sum(name in one.runs for one in chosen.images.values())}" for name in chosen.classes]
    clean = sum(not one.runs for one in chosen.images.values())
    lines = [
        f"{len(chosen.images)} images of {chosen.size[0]} x {chosen.size[1]} pixels, {', '.join(counts)}, {clean} without defect: "
        f"{target / TABLE}"
    ]
    if len(chosen.images) < FOR_COMPETITIONS:
        words.append("datamodule.test_images=0")
    return _with_next(lines, words, target)


def _with_next(lines: list[str], words: list[str], target: Path) -> list[str]:
    """The lines and the training that takes the folder; ends with 1 where none does."""
    try:
        words, _ = tried(words)
    except NotTrainableError as error:
        print("\n".join(lines))
        sys.exit(f"error: {target}: lies there, but cannot be divided for a training, want more images: {error}")
    return [*lines, f"next: {line_of(words)}"]


def _report_place(target: Path) -> Path:
    return next(place for place in (target, *target.resolve().parents) if place.is_dir())


def _size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = SIZE.fullmatch(text)
    if not found or not all(1 <= int(side) <= 20_000 for side in found.groups()):
        raise AnnotationError(f"--size {text}: want WIDTHxHEIGHT in pixels, such as 640x480")
    return int(found[1]), int(found[2])


def _naming(words: Sequence[str], without: Sequence[str]) -> Naming:
    renamed: dict[str, str] = {}
    for one in words:
        name, equals, own = one.rpartition("=")
        if not equals or not name or not own:
            raise AnnotationError(f"--category {one}: want NAME=CLASS, such as {one.strip('=')}=scratch")
        if renamed.setdefault(name, own) != own:
            raise AnnotationError(f"--category {name}: is given twice; want it once")
    return Naming(renamed, frozenset(without))
