"""TensorFlow Lite's flatbuffer, which LiteRT runs."""

from typing import Any

from export import flatbuffer
from export.convert import to_float32
from export.runtime import METADATA


class TFLite:
    """By onnx2tf's direct backend and ai-edge-quantizer; see `export.convert` and `export.quantize`."""

    suffix = ".tflite"

    def convert(self, onnx_model: bytes) -> bytes:
        """See `Format`."""
        return to_float32(onnx_model)

    def finish(self, data: bytes, metadata: bytes) -> bytes:
        """See `Format`."""
        return flatbuffer.with_metadata(data, {METADATA: metadata})

    def facts(self, data: bytes) -> dict[str, Any]:
        """Tensors by type, and operators that int8 does not reach."""
        return {
            "tensors": flatbuffer.tensors_by_type(data),
            "operators_outside_int8": flatbuffer.operators_outside_int8(data),
        }
