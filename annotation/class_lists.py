"""Names for the numbers or colours of index masks, as they are typed or as tools list them in a file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotation.log import AnnotationError

Colour = tuple[int, int, int]
BACKGROUND = frozenset({"background", "_background_", "__background__"})
"""What tools call the pixels of no class, in small letters."""
COLOURED = re.compile(r"(?P<name>[^:]+):\s*(?P<red>\d{1,3})\s*,\s*(?P<green>\d{1,3})\s*,\s*(?P<blue>\d{1,3})\s*(:.*)?")
"""A line of CVAT's labelmap.txt."""
NUMBERED = re.compile(r"(?P<number>\d{1,5})\s*[,:;=\t ]\s*(?P<name>\S.*)")
"""A line of Roboflow's _classes.csv, and the like."""
FILES = ("labelmap.txt", "_classes.csv", "classes.txt")
"""Lists that tools put beside their masks."""


@dataclass
class ClassList:
    """Which pixels are of which class."""

    numbers: dict[int, str] = field(default_factory=dict)
    colours: dict[Colour, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """In their order, each once."""
        return list(dict.fromkeys([*self.numbers.values(), *self.colours.values()]))


def class_list(text: str) -> ClassList:
    """`scratch,pit` for 1 and 2, `1=scratch,4=pit`, or a file: a name a line, `number,name`, or CVAT's `name:r,g,b`.

    Raises AnnotationError for a list without a class, with a number or colour twice, or with a class on 0.
    """
    path = Path(text)
    if path.is_file():
        return list_of_file(path)
    if "," not in text and path.suffix.lower() in (".txt", ".csv"):
        raise AnnotationError(
            f"--classes {text}: no such file; want names such as scratch,pit, or a file that lists them"
        )
    if not all(name.strip() for name in text.split(",")):
        raise AnnotationError(
            f"--classes {text}: a name is empty; want one for each number, such as scratch,pit or 1=scratch,4=pit"
        )
    return _read(text.split(","), f"--classes {text}")


def list_of_file(path: Path) -> ClassList:
    """The classes that a file lists. Raises AnnotationError."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: cannot be read ({error}); want a list of classes") from None
    return _read([line for line in lines if not line.lstrip().startswith("#")], str(path))


def beside(folder: Path) -> Path | None:
    """A list of classes that a tool has put into the folder, or into the one above."""
    places = [place / name for place in (folder, folder.parent) for name in FILES]
    return next((path for path in places if path.is_file()), None)


def _read(given: Sequence[str], where: str) -> ClassList:
    lines = [line.strip() for line in given if line.strip()]
    if coloured := [COLOURED.fullmatch(line) for line in lines]:
        matched = [one for one in coloured if one]
        if len(matched) == len(lines):
            pairs = [((int(one["red"]), int(one["green"]), int(one["blue"])), one["name"].strip()) for one in matched]
            if high := next((colour for colour, _ in pairs if max(colour) > 255), None):
                raise AnnotationError(f"{where}: colour {high}: want three numbers from 0 to 255")
            return ClassList(colours=_checked(pairs, where))
    numbered = [NUMBERED.fullmatch(line) for line in lines]
    if len(lines) > 1 and not numbered[0] and all(numbered[1:]):
        numbered = numbered[1:]  # a header
    found = [(int(one["number"]), one["name"].strip()) for one in numbered if one]
    if not found or len(found) < len(numbered):
        first = 0 if lines and lines[0].lower() in BACKGROUND else 1
        found = [(first + at, name) for at, name in enumerate(lines)]
    numbers = _checked(found, where)
    if 0 in numbers:
        raise AnnotationError(f"{where}: 0 is {numbers[0]}: in a mask 0 is no class; want numbers from 1 on")
    return ClassList(numbers=numbers)


def _checked[Key](pairs: Sequence[tuple[Key, str]], where: str) -> dict[Key, str]:
    keys = [key for key, _ in pairs]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        raise AnnotationError(f"{where}: {twice} is there twice; want one name for it")
    names = {key: name for key, name in pairs if name.lower() not in BACKGROUND}
    if not names:
        raise AnnotationError(f"{where}: names no class; want names such as scratch,pit")
    return names
