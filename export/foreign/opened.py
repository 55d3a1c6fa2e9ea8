"""Files from elsewhere by their suffix: .tflite, .onnx, and .keras where TensorFlow is installed."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.backends import Array, Backend, one_input, onnx, sides, tflite
from export.flatbuffer import FileError
from export.runtime import of_file, read_file
from export.trial import try_out


def opened(path: Path, threads: int) -> Backend:
    """Loads a file by its suffix. Raises FileError naming the file and what would be right."""
    known: dict[str, Callable[[Path, int], Backend]] = {
        ".tflite": _tflite,
        ".onnx": _onnx,
        ".keras": _keras,
    }
    if path.suffix.lower() not in known:
        raise FileError(f"{path}: want a file that ends in {', '.join(known)}")
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    found = known[path.suffix.lower()](path, threads)
    if len(found.shape) != 4:
        raise FileError(f"{path}: its input has the shape {list(found.shape)}; want one picture, batch and three sides")
    return found


def _tflite(path: Path, threads: int) -> Backend:
    data = path.read_bytes()
    with of_file(path):
        try_out(data)
        found = tflite(data, threads)
    with suppress(FileError):  # somebody else's has none
        return replace(found, described=read_file(path)[1])
    return found


def _onnx(path: Path, threads: int) -> Backend:
    try:
        return onnx(path.read_bytes(), threads)
    except FileError as error:
        raise FileError(f"{path}: {error}") from None


def _keras(path: Path, threads: int) -> Backend:
    try:
        import keras
        import tensorflow as tf
    except ImportError:
        raise FileError(
            f"{path}: a .keras file is run by TensorFlow, which is not installed: want pip install -e '.[tensorflow]', or the file as "
            f".tflite or .onnx"
        ) from None
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise FileError(f"{path}: Keras does not load it ({' '.join(str(error).split())[:200]})") from None
    with of_file(path):
        one_input(len(model.inputs))
    names = list(model.output_names)
    call = tf.function(lambda pixels: model(pixels, training=False))

    def run(pixels: Array) -> dict[str, Array]:
        given = call(tf.constant(pixels))
        values = list(given.values()) if isinstance(given, dict) else given
        values = list(values) if isinstance(values, list | tuple) else [values]
        return {name: one.numpy() for name, one in zip(names, values, strict=True)}

    shapes = {name: sides(one.shape) for name, one in zip(names, model.outputs, strict=True)}
    kind = np.dtype(str(model.inputs[0].dtype))
    return Backend(sides(model.inputs[0].shape), kind, shapes, run, f"TensorFlow {tf.__version__}")
