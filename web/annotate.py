"""Grades photos of phones cell by cell in a browser: `python -m annotation serve data=<folder of photos>`.

What is said goes into annotations.csv in that folder at once; photos.csv and cells.csv, which training reads, follow from it.
"""

import hashlib
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
import numpy as np
import numpy.typing as npt
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from annotation.photos import Photos
from annotation.pre_annotations import Proposals, network_name
from annotation.profile import device_of
from annotation.store import Book
from choices import CONF
from cli.command_line import require_keys, stop_or_report
from cli.train_schema import register
from datamodules.base.pixels import Image
from datamodules.screens.grid import Grid
from datamodules.screens.outline import from_upper_side
from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import read_record

if TYPE_CHECKING:
    from web.annotation_session import AnnotationSession

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="annotate")
def main(cfg: DictConfig) -> None:
    """Serves until it is stopped."""
    require_keys(cfg, data="a folder of photos of phones")
    root = Path(cfg.data)
    with stop_or_report(root):
        book = open_book(cfg)
        for line in book.photos.left_out[:10]:
            print(f"left out: {line}", file=sys.stderr)
        if len(book.photos.left_out) > 10:
            print(f"left out: {len(book.photos.left_out) - 10} more, see the page", file=sys.stderr)

        from export.outline.find import find
        from web.annotation_app import create_annotation_app
        from web.annotation_session import AnnotationSession
        from web.serving import serve

        def outline(picture: Image) -> npt.NDArray[np.float64]:
            return from_upper_side(find(picture).corners, short=book.grid.columns <= book.grid.rows)

        desk = AnnotationSession(book, outline, proposals_of(cfg, book))
        propose_all(desk)
        token = secrets.token_urlsafe(12)
        app = create_annotation_app(desk, token, annotator=cfg.annotator, first_round=cfg.round)
        title = f"{len(book.photos.files)} photos, annotated in {book.log.path}"
        serve(app, token, title, cfg.host, cfg.port, Path(cfg.paths.cache) if cfg.https else None)


def open_book(cfg: DictConfig) -> Book:
    """The annotations of the configured folder, in the data set's classes and grid."""
    given = cfg.datamodule
    grid = Grid(given.columns, given.rows, given.cell_px)
    redefine = HydraConfig.get().runtime.choices.get("profile") is not None
    return Book(
        Photos(Path(cfg.data)),
        list(given.class_names),
        grid,
        device_of(OmegaConf.to_container(given), grid),
        redefine=redefine,
    )


def proposals_of(cfg: DictConfig, book: Book) -> Proposals | None:
    """What the run says, None without one."""
    if cfg.run is None:
        return None
    from tasks.base import doubt_of
    from tasks.grading import grader_of

    run = Path(cfg.run)
    grader = grader_of(run, cfg.checkpoint)
    file = run if run.suffix == ".tflite" else checkpoint_file(run, read_record(run), cfg.checkpoint)
    mark = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    return Proposals(grader, network_name(run), mark, Path(cfg.paths.cache), book.class_names, book.grid, doubt_of(run))


def propose_all(desk: "AnnotationSession") -> None:
    """Asks the network of every photo, so that the least sure can come first."""
    if desk.proposals is None:
        return
    from tqdm import tqdm

    names = tqdm(desk.book.photos.files, desc="proposing grades", unit="photo", leave=False, disable=None)
    for number, name in enumerate(names, 1):
        desk.proposed(name)
        if number % 50 == 0:  # what is done stays done
            desk.proposals.keep()
    desk.proposals.keep()
