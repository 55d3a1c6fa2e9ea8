"""What a format of deployable files is: a choice of conf/format; kinds of quantisation stand beside it."""

from typing import Any, Protocol


class Format(Protocol):
    """From a network as ONNX to a file that carries gridlite's metadata."""

    suffix: str
    """Of its files, with the dot."""

    def convert(self, onnx_model: bytes) -> bytes:
        """The float32 file that every kind of quantisation starts from."""

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """A file with gridlite's metadata, UTF-8 JSON, in it. Raises ValueError for bytes that are no such file."""

    def facts(self, data: bytes) -> dict[str, Any]:
        """What a record says of a file of this format beside its size and its figures."""
