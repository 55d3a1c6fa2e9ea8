"""Which task a run or a file belongs to."""

from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.records.run_record import read_record

if TYPE_CHECKING:
    pass


def kind_of_answer(given: Path) -> str:
    """What a run, or a file, does: grading, segmentation or regression."""
    if given.suffix == ".tflite":
        from export.runtime import read_file

        return str(read_file(given)[1].get("task", "grading"))
    return str(read_record(given)["config"]["encoding"].get("task", "grading"))
