"""Masks that Label Studio's brush has drawn, exported as PNG: a file for each label of each annotation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from annotation.imported import LeftOut, grouped
from annotation.label_studio import Task, read_tasks
from annotation.log import AnnotationError
from annotation.mask_source import Collected, Masks, Options, add_mask
from annotation.photos import PhotoFile
from annotation.placing import placed
from annotation.png_masks import fitted
from annotation.png_pixels import of_two, read_pixels
from datamodules.base.errors import DataError

BRUSH = re.compile(
    r"task-(?P<task>\d+)-annotation-(?P<annotation>\d+)-by-(?P<by>[^-]*)-(?P<rest>.+)-(?P<number>\d+)\.png"
)
"""The control's name and the label are both in `rest`."""


@dataclass(frozen=True)
class _Stroke:
    path: Path
    annotation: str
    label: str


class BrushMasks:
    """A folder of a brush's masks, and the images that they belong to.

    Args:
        folder: of the PNG files.
        files: the images, by their paths in their folder.
        options: see `Options`; `tasks` says which image a task is.

    Raises AnnotationError where that is not known.

    """

    def __init__(self, folder: Path, files: Mapping[str, PhotoFile], options: Options) -> None:
        self.found, self.options, self.files = Collected(), options, files
        strokes = [(path, match) for path in sorted(folder.rglob("*.png")) if (match := BRUSH.fullmatch(path.name))]
        if options.tasks is None:
            path, match = strokes[0]
            raise AnnotationError(
                f"{path}: which image task {match['task']} is stands in Label Studio's JSON export; want --tasks <export.json>"
            )
        tasks = read_tasks(options.tasks)
        self._tasks = placed(files, tasks, lambda task: task.image, self.found.left)
        controls = {
            str(result.get("from_name", "")) for task in tasks for one in task.answers for result in one.results
        }
        skipped = {answer.id for task in tasks for answer in task.answers if answer.skipped}
        self._strokes: dict[str, list[_Stroke]] = {}
        known = {task.id for task in tasks}
        for path, match in strokes:
            if match["task"] not in known:
                self.found.left.append(LeftOut(path.name, "", f"{options.tasks} has no task {match['task']}"))
            elif match["annotation"] in skipped:
                self.found.left.append(LeftOut(path.name, match["annotation"], "was skipped"))
            else:
                stroke = _Stroke(path, match["annotation"], _label(match["rest"], controls))
                self._strokes.setdefault(match["task"], []).append(stroke)
        labels = sorted({one.label for strokes in self._strokes.values() for one in strokes})
        options.naming.check(folder, labels)
        self.order = [name for name in dict.fromkeys(map(options.naming.of, labels)) if name is not None]

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[tuple[str, Masks]]:
        """Every image with something drawn on it, and with `empty_is_clean` those of tasks without."""
        for photo, tasks in self._tasks.items():
            strokes = [one for id_ in dict.fromkeys(task.id for task in tasks) for one in self._strokes.get(id_, [])]
            if not strokes:
                if _looked_at(tasks):
                    self.found.empty.append(photo)
                    if self.options.empty_is_clean:
                        yield photo, {}
                continue
            several = len(grouped(strokes, lambda one: one.annotation))
            if several > 1:
                self.found.notes.append(f"{photo}: masks of {several} annotations, merged")
            masks: Masks = {}
            read = sum(self._take(masks, one, self.files[photo]) for one in strokes)
            if read < len(strokes):
                self.found.partial.append(photo)
            if read:
                yield photo, masks

    def _take(self, masks: Masks, stroke: _Stroke, file: PhotoFile) -> bool:
        name = self.options.naming.of(stroke.label)
        try:
            mask = fitted(of_two(read_pixels(stroke.path)), file, self.found.notes, stroke.path.name)
        except (DataError, ValueError) as error:
            self.found.left.append(LeftOut(stroke.path.name, "", str(error).removeprefix(f"{stroke.path}: ")))
            return False
        if name is not None:
            add_mask(masks, name, mask)
        return True


def is_brush(folder: Path) -> bool:
    """Whether the folder holds what Label Studio calls its brush's masks."""
    return any(BRUSH.fullmatch(path.name) for path in folder.rglob("*.png"))


def _label(rest: str, controls: set[str]) -> str:
    """`tag-scratch` → scratch; names of controls may have hyphens themselves."""
    fitting = [name for name in controls if name and rest.startswith(f"{name}-")]
    return rest[len(max(fitting, key=len)) + 1 :] if fitting else rest.partition("-")[2] or rest


def _looked_at(tasks: list[Task]) -> bool:
    """Whether somebody has answered, with or without a drawing."""
    return any(bool(task.plain) or any(not answer.skipped for answer in task.answers) for task in tasks)
