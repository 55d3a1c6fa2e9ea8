"""What is asked of a made file beside its scores and its time: a choice of the `check` axis."""

from collections.abc import Mapping
from typing import Any, Protocol

from choices import names_of
from export.comparison import FileComparison
from metrics.base import TaskMetrics
from sweeps.records.run_record import one_line


class CheckError(ValueError):
    """A check that could not be made; the message is one line that says what would help."""


class Check(Protocol):
    """What a choice of `check` is built into."""

    def ready(self) -> None:
        """Raises CheckError where the check cannot be made on this machine; asked before any file is made."""

    def __call__(self, data: bytes, comparison: FileComparison, metrics: TaskMetrics) -> dict[str, Any]:
        """What there is to say of a file, for its entry.

        Args:
            data: the file's bytes.
            comparison: the samples that the run is judged by, and torch's answers.
            metrics: of the task.

        Raises CheckError.

        """


def all_ready(checks: Mapping[str, Check]) -> None:
    """Raises CheckError naming the first check that cannot be made here."""
    for name, check in checks.items():
        try:
            check.ready()
        except CheckError as error:
            raise CheckError(f"check={name}: {error}") from None


def checked(
    data: bytes, checks: Mapping[str, Check], comparison: FileComparison, metrics: TaskMetrics
) -> dict[str, dict[str, Any]]:
    """What every check says of a file, by its name; of one that failed its `error`."""
    found: dict[str, dict[str, Any]] = {}
    for name, check in checks.items():
        try:
            found[name] = check(data, comparison, metrics)
        except CheckError as error:
            found[name] = {"error": one_line(error)}
    return found


def names() -> list[str]:
    """The checks that there are; a file's entry in the record holds what each found under its name."""
    return names_of("check")


def problems(entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What could not be made or checked, a line each; empty where all is there.

    Args:
        entries: a record's `exports`.

    """
    lines = [f"{kind}: {entry['error']}" for kind, entry in entries.items() if "error" in entry]
    for kind, entry in entries.items():
        lines += [
            f"{kind}: check={name}: {entry[name]['error']}" for name in names() if "error" in (entry.get(name) or {})
        ]
    return lines
