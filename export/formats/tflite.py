"""TensorFlow Lite's flatbuffer, which LiteRT runs."""

import json
from typing import Any

from export import flatbuffer
from export.app_metadata import with_app_metadata
from export.convert import to_float32
from export.operator_versions import runtime_of, with_versions
from export.runtime import METADATA


class TFLite:
    """By onnx2tf's direct backend and ai-edge-quantizer; see `export.convert` and `export.quantize`."""

    suffix = ".tflite"

    def convert(self, onnx_model: bytes) -> bytes:
        """See `Format`."""
        return to_float32(onnx_model)

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """See `Format`."""
        named = flatbuffer.with_metadata(with_versions(data), {METADATA: metadata})
        return with_app_metadata(named, json.loads(metadata))

    def facts(self, data: bytes) -> dict[str, Any]:
        """Tensors by type, operators that int8 does not reach, and the oldest runtime that has all operators."""
        return {
            "tensors": flatbuffer.tensors_by_type(data),
            "operators_outside_int8": flatbuffer.operators_outside_int8(data),
            "runtime": runtime_of(data),
        }
