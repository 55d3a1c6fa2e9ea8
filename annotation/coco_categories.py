"""What the categories of a COCO file mean here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotation.coco_file import CocoCategory, CocoFile
from annotation.log import AnnotationError

LEAST_SHARE = 0.002
"""Of a cell, covered by a polygon, for the cell to take its class."""
STEP = re.compile(r"(?P<grade>[0-9]{1,3})(@(?P<share>[0-9.]*))?")
Steps = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Category:
    """What a category of a COCO file means here."""

    steps: Steps
    """Grade, and the share of a cell from which on it is that grade; the last one that is reached counts."""


def category(text: str) -> Category:
    """`3`, or `1,2@0.05`: grade 1, from 5 % of a cell on grade 2. Raises AnnotationError."""
    try:
        found = [STEP.fullmatch(step) for step in text.split(",")]
        steps = tuple((int(one["grade"]), float(one["share"] or LEAST_SHARE)) for one in found if one is not None)
        if len(steps) < len(found) or not all(0 < share <= 1 for _, share in steps):
            raise ValueError
    except ValueError:
        raise AnnotationError(
            f"category {text}: want a grade, or grades with shares of a cell above 0 up to 1, such as 1,2@0.05"
        ) from None
    return Category(steps)


def meanings(
    class_names: Sequence[str], path: Path, whole: CocoFile, categories: Mapping[str, Category], notes: list[str]
) -> dict[str, Steps]:
    """Steps by the categories' ids. A parent, as Roboflow writes one, means what all of its children mean.

    Raises AnnotationError for a category of a drawing without a meaning, and for a grade that there is not; what was assumed
    is added to the notes.
    """
    for name, given in categories.items():
        if wrong := [grade for grade, _ in given.steps if grade >= len(class_names)]:
            raise AnnotationError(
                f"category {name}: grade {wrong[0]}: want 0 to {len(class_names) - 1}, {', '.join(class_names)}"
            )
    meaning: dict[str, Steps] = {str(name): ((grade, LEAST_SHARE),) for grade, name in enumerate(class_names)}
    meaning |= {name: given.steps for name, given in categories.items()}
    by_id = {one.id: one for one in whole.categories}
    unused = sorted(categories.keys() - {one.name for one in whole.categories})
    if unused:
        have = ", ".join(dict.fromkeys(one.name for one in whole.categories)) or "none"
        notes.append(f"--category {unused[0]}: the file has no such category; it has {have}")
    steps: dict[str, Steps] = {}
    for id_ in sorted({one.category_id for drawn in whole.drawn.values() for one in drawn}):
        name = by_id[id_].name
        of_children = _of_children(by_id[id_], whole.categories, meaning)
        if name in meaning:
            steps[id_] = meaning[name]
        elif of_children is not None:
            steps[id_] = of_children
            notes.append(f"category {name}: taken for what its own categories mean, which are all the same")
        else:
            raise AnnotationError(f"{path}: category {name}: say what it means with --category {name}=<grade>")
    return steps


def _of_children(parent: CocoCategory, every: list[CocoCategory], meaning: Mapping[str, Steps]) -> Steps | None:
    children = {one.name for one in every if one.supercategory == parent.name and one.id != parent.id}
    means = {meaning.get(name) for name in children}
    return means.pop() if len(means) == 1 else None
