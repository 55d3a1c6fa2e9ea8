"""TensorFlow Lite's flatbuffer, which LiteRT runs."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from export import backends, flatbuffer
from export.app_metadata import with_app_metadata
from export.delegates import left_to_cpu
from export.formats.base import HeldOut, Quantization
from export.operator_versions import runtime_of, with_versions
from export.runtime import METADATA


class TFLite:
    """By onnx2tf's direct backend and ai-edge-quantizer; see `export.convert` and `export.quantize`."""

    opened = staticmethod(backends.tflite)

    def kinds(self, quantizations: Mapping[str, Quantization]) -> Mapping[str, Quantization]:
        """One for each quantisation, of the same name."""
        return quantizations

    def file_name(self, kind: str) -> str:
        """See `Format`."""
        return f"{kind}.tflite"

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """See `Format`."""
        named = flatbuffer.with_metadata(with_versions(data), {METADATA: metadata})
        return with_app_metadata(named, json.loads(metadata))

    def says(self, answers: pd.DataFrame, held_out: HeldOut | None) -> dict[str, Any]:
        """See `Format`; nothing."""
        return {}

    def facts(self, data: bytes) -> dict[str, Any]:
        """Tensors by type, operators that int8 does not reach, the oldest runtime that has all, and what delegates leave."""
        return {
            "tensors": flatbuffer.tensors_by_type(data),
            "operators_outside_int8": flatbuffer.operators_outside_int8(data),
            "runtime": runtime_of(data),
            "left_to_cpu": left_to_cpu(data),
        }
