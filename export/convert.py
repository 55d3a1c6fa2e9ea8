"""PyTorch → ONNX → float32 TFLite."""

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import torch

from export.channel_shuffle import convolved_shuffles
from export.flatbuffer import fuse_same_padding
from export.linear_layers import connected_layers
from export.plain_operators import plain_operators
from export.slices import fixed_slices

OPSET = 17
"""At 18 the axes of a mean became an input, on which squeeze-and-excite fails further down."""
INPUT = "image"


def to_onnx(model: torch.nn.Module, size: tuple[int, int], outputs: Sequence[str]) -> bytes:
    """A deployable model for images of height and width `size` as ONNX, constants folded, paddings inside convolutions."""
    import onnxoptimizer
    import onnxsim

    stream = io.BytesIO()
    example = torch.zeros(1, *size, 3)
    with silence(), torch.inference_mode():
        torch.onnx.export(
            model, (example,), cast(str, stream), dynamo=False, opset_version=OPSET,
            input_names=[INPUT], output_names=list(outputs),
        )  # fmt: skip
        simple, _ = onnxsim.simplify(onnx.load_from_string(stream.getvalue()))
        fused = onnxoptimizer.optimize(
            plain_operators(convolved_shuffles(simple)), ["fuse_pad_into_conv", "eliminate_unused_initializer"]
        )
    onnx.checker.check_model(fused)
    return bytes(fused.SerializeToString())


def to_float32(onnx_model: bytes) -> bytes:
    """An ONNX model as a float32 TFLite file, by onnx2tf's direct backend, which needs no TensorFlow.

    It runs in a scratch folder that holds what onnx2tf would otherwise download: twenty pictures of its own.
    """
    import onnx2tf

    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch), silence():
        Path("model.onnx").write_bytes(onnx_model)
        sample = np.zeros((20, 128, 128, 3), np.float32)
        np.save("calibration_image_sample_data_20x128x128x3_float32.npy", sample)
        onnx2tf.convert(
            input_onnx_file_path="model.onnx",
            output_folder_path="made",
            keep_shape_absolutely_input_names=[INPUT],
            non_verbose=True,
        )
        return connected_layers(fixed_slices(fuse_same_padding(Path("made/model_float32.tflite").read_bytes())))


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Nothing that the converters say of a conversion that works."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
