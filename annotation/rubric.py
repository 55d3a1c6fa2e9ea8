"""What each grade looks like, as a folder itself says: `rubric/<number or name of a grade>.jpg`, and words in a `.txt` of that name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from annotation.log import AnnotationError

FOLDER = "rubric"
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
LONGEST = 300
"""Characters of a grade's words."""


@dataclass(frozen=True)
class Look:
    """Of one grade."""

    picture: Path | None
    words: str


def rubric_of(root: Path, class_names: Sequence[str]) -> list[Look]:
    """One of each grade, in their order; empty where the folder has no rubric.

    Raises AnnotationError that names a file which belongs to no grade, belongs to one that has another, or cannot be read.
    """
    place = root / FOLDER
    if not place.is_dir():
        return []
    pictures: dict[int, Path] = {}
    words: dict[int, str] = {}
    for path in sorted(place.iterdir()):
        if path.name.startswith("."):
            continue
        kind = path.suffix.lower()
        if kind not in (*PICTURES, ".txt"):
            raise AnnotationError(f"{path}: want {', '.join(PICTURES)} or .txt")
        grade = _grade(path, class_names)
        if grade in (words if kind == ".txt" else pictures):
            raise AnnotationError(f"{path}: there is another of grade {grade}, {class_names[grade]}; want one")
        if kind == ".txt":
            words[grade] = _read(path)
        else:
            pictures[grade] = path
    known = pictures.keys() | words.keys()
    return [Look(pictures.get(grade), words.get(grade, "")) for grade in range(len(class_names))] if known else []


def _grade(path: Path, class_names: Sequence[str]) -> int:
    names = {name.casefold(): number for number, name in enumerate(class_names)}
    names |= {str(number): number for number in range(len(class_names))}
    stem = path.stem.casefold()
    for name in (stem, stem.replace("_", " "), stem.replace("-", " ")):
        if name in names:
            return names[name]
    raise AnnotationError(
        f"{path}: no such grade; want a number from 0 to {len(class_names) - 1} or one of {', '.join(class_names)}"
    )


def _read(path: Path) -> str:
    try:
        text = " ".join(path.read_text(encoding="utf-8-sig").split())
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if len(text) > LONGEST:
        raise AnnotationError(f"{path}: {len(text)} characters; want at most {LONGEST}")
    return text
