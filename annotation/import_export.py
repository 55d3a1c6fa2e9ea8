"""Labels from elsewhere into the log, and out again: tables, folders per class."""

import csv
import re
from collections import Counter
from pathlib import Path

from annotation.earlier_tables import PLACE
from annotation.imported import Imported, LeftOut, merged
from annotation.log import AnnotationError, Statement, table_of
from annotation.state import IMPORTED, UNUSABLE
from annotation.store import Book
from datamodules.base.errors import DataError
from datamodules.base.tables import hint_of, same_name, whole
from datamodules.images.decoding import SUFFIXES
from datamodules.screens.photo_folder import photo_stem
from storage.spreadsheet import harmless
from storage.whole_file import replaced

ROUND = whole(-999, 999)
CELL = re.compile(r"(?P<photo>.+)_r(?P<row>\d+)_c(?P<col>\d+)")


def from_table(book: Book, path: Path) -> Imported:
    """A csv with photo, row, col, label (a number or a class's name), and optional annotator and round."""
    said = []
    for where, row in table_of(path, ("photo", "row", "col", "label")):
        try:
            cell = PLACE.read(row, "row", where), PLACE.read(row, "col", where)
            turn = ROUND.read(row, "round", where) if row.get("round") else (1 if row.get("annotator") else 0)
        except DataError as error:
            raise AnnotationError(str(error)) from None
        label = _label(book, row["label"], where)
        photo = same_name(row["photo"])
        said.append(Statement(row.get("annotator") or IMPORTED, turn, photo, "label", label, cell))
        checked(book, said[-1], where)
    return _once(said)


def from_folders(book: Book, root: Path) -> Imported:
    """A folder per class: of cells named `<photo>_r<row>_c<col>`, or of whole photos that the annotated folder has too.

    A cell takes its folder's class. Of whole photos only the best class says something of every cell; the others become the
    photo's kind.

    """
    stems = {Path(name).stem: name for name in book.photos.files}
    for stem, count in Counter(Path(name).stem for name in book.photos.files).items():
        if count > 1:
            del stems[stem]  # which of them is meant?
    stems |= {photo_stem(name): name for name in book.photos.files}
    said: list[Statement] = []
    left: list[LeftOut] = []
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    if not folders:
        raise AnnotationError(f"{root}: no class folders in it")
    for folder in folders:
        for path in sorted(one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES):
            found = CELL.fullmatch(path.stem)
            name = stems.get(found["photo"] if found else path.stem)
            if name is None:
                wanted = found["photo"] if found else path.stem
                left.append(LeftOut(str(path), "", f"{book.photos.root} has no photo {wanted}"))
            elif found:
                label = _label(book, folder.name, str(folder))
                said.append(Statement(IMPORTED, 0, name, "label", label, (int(found["row"]), int(found["col"]))))
                checked(book, said[-1], str(path))
            elif folder.name == book.class_names[0]:
                said += [Statement(IMPORTED, 0, name, "label", "0", cell) for cell in book.cells]
            else:
                said.append(Statement(IMPORTED, 0, name, "kind", folder.name))
    placed = _once(said)
    placed.left = left
    return placed


def _once(said: list[Statement]) -> Imported:
    said, different = merged(said)
    words = f"{different} cells have several grades of one annotator and round, merged: each has the highest"
    return Imported(said, notes=[words] if different else [])


def to_table(book: Book, path: Path) -> int:
    """Writes one row per cell: photo, source_id, row, col, label, label_name, votes, settled, proposed (what of a network was shown as a
    vote was given); returns the rows.
    """
    rows = []
    for name in book.photos.files:
        one = book.state[name]
        for cell in book.cells:
            label = one.label(cell)
            votes = " ".join(
                f"{voter}:{number}={value}" for (voter, number), value in sorted(one.votes_of(cell).items())
            )
            named = book.class_names[int(label)] if label not in ("", UNUSABLE) else label
            if votes or label:
                shown = sorted(one.proposed.get(cell, {}).items())
                proposed = " ".join(f"{voter}:{number}={value.partition(' ')[0]}" for (voter, number), value in shown)
                device, settled = one.columns.get("source_id", ""), one.settled.get(cell, "")
                rows.append((name, device, *cell, label, named, votes, settled, proposed))
    with replaced(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("photo", "source_id", "row", "col", "label", "label_name", "votes", "settled", "proposed"))
        writer.writerows([harmless(one) for one in row] for row in rows)
    return len(rows)


def _label(book: Book, text: str, where: str) -> str:
    if text in book.class_names:
        return str(book.class_names.index(text))
    if text in ("", "NA", UNUSABLE) or text in map(str, range(len(book.class_names))):
        return "" if text == "NA" else text
    raise AnnotationError(
        f"{where}: label {text:.60}: want 0 to {len(book.class_names) - 1}, or {', '.join(book.class_names)}{hint_of(text)}"
    )


def checked(book: Book, said: Statement, where: str) -> None:
    """Raises AnnotationError, with where it was said, for what the book cannot take."""
    try:
        book.check(said)
    except AnnotationError as error:
        raise AnnotationError(f"{where}: {error}") from None
