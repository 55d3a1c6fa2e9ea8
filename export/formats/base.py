"""What a format of deployable files is: a choice of conf/format; kinds of quantisation stand beside it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pandas as pd

from export.backends import Opened
from export.float_file import FloatFile

Quantization = Callable[[FloatFile], bytes]


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

    def says(self, answers: pd.DataFrame) -> dict[str, Any]:
        """What a file of this format says of its own answers, a row per sample, beside its figures; in its metadata and its entry."""

    def facts(self, data: bytes) -> dict[str, Any]:
        """What a record says of a file of this format beside its size and its figures."""
