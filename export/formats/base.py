"""What a format of deployable files is: a choice of conf/format; kinds of quantisation stand beside it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pandas as pd

from export.backends import Opened
from export.float_file import FloatFile
from sweeps.analysis.expected import Folds

Quantization = Callable[[FloatFile], bytes]
HeldOut = Callable[[], tuple[pd.DataFrame, str]]
"""Of a kind of file of a network that was trained on all data: the answers of its folds' files of that kind, each to what it had not
seen, and what they are called. Raises RecordError where a fold has no such file."""


class Format(Protocol):
    """Files of one kind of runtime, which carry gridlite's metadata."""

    opened: Opened | None
    """What runs its files here; None where no runtime on this machine does: such files are neither scored nor timed."""

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """Its files by the name that records and tables have for them; `quantizations` are the ones of TFLite that are wanted.

        Building one raises ValueError where it cannot be made.
        """

    def file_name(self, kind: str) -> str:
        """Of the file of that kind."""

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """A file with gridlite's metadata, UTF-8 JSON, in it. Raises ValueError for bytes that are no such file."""

    def says(self, answers: pd.DataFrame, held_out: HeldOut | None) -> dict[str, Any]:
        """What a file of this format says of its own answers, a row per sample, beside its figures; in its metadata and its entry.

        `held_out`: of a network that was trained on all data; None of others, which have a validation set.
        """

    def facts(self, data: bytes) -> dict[str, Any]:
        """What a record says of a file of this format beside its size and its figures."""


def held_out(folds: Folds, kind: str) -> tuple[pd.DataFrame, str]:
    """See `HeldOut`."""
    return folds.answers(kind), f"cross-conformal over {len(folds.folders)} folds' {kind} files"
