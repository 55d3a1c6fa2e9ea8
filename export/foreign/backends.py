"""Files of three formats as something to call: .tflite by LiteRT, .onnx by ONNX Runtime, .keras by TensorFlow where it is installed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.flatbuffer import FileError

Array = npt.NDArray[Any]
Shape = tuple[int | None, ...]
"""Sides, None for one that the file leaves open."""


@dataclass(frozen=True)
class Backend:
    """A file that is loaded."""

    shape: Shape
    """Of its one input, the batch first."""
    dtype: np.dtype[Any]
    """Of its input."""
    outputs: Mapping[str, Shape]
    """Name → shape, the batch first."""
    run: Callable[[Array], Mapping[str, Array]] = field(repr=False)
    """The input → every output, floats where the file has integers with a scale."""
    runtime: str
    """With version."""
    quantization: tuple[float, int] | None = None
    """Scale and zero point of an integer input."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """gridlite's metadata, where the file carries it."""


def opened(path: Path, threads: int) -> Backend:
    """Loads a file by its suffix. Raises FileError naming the file and what would be right."""
    known: dict[str, Callable[[Path, int], Backend]] = {".tflite": _tflite, ".onnx": _onnx, ".keras": _keras}
    if path.suffix.lower() not in known:
        raise FileError(f"{path}: want a file that ends in {', '.join(known)}")
    if not path.is_file():
        raise FileError(f"{path}: no such file")
    found = known[path.suffix.lower()](path, threads)
    if len(found.shape) != 4:
        raise FileError(f"{path}: its input has the shape {list(found.shape)}; want one picture, batch and three sides")
    return found


def _tflite(path: Path, threads: int) -> Backend:
    from export.runtime import interpreter_of, of_file, read_file
    from export.trial import try_out

    data = path.read_bytes()
    with of_file(path):
        try_out(data)
        interpreter = interpreter_of(data, threads)
    try:
        described = read_file(path)[1]
    except FileError:  # somebody else's
        described = {}
    (source, *more), given = interpreter.get_input_details(), interpreter.get_output_details()
    _one_input(path, 1 + len(more))
    signatures = list(interpreter.get_signature_list().values())
    names = {one["index"]: one["name"] for one in given}
    if len(signatures) == 1:
        runner = interpreter.get_signature_runner()
        tensors = {detail["name"]: name for name, detail in runner.get_output_details().items()}
        names |= {one["index"]: tensors[one["name"]] for one in given if one["name"] in tensors}

    def run(pixels: Array) -> dict[str, Array]:
        interpreter.set_tensor(source["index"], pixels)
        interpreter.invoke()
        return {names[one["index"]]: _real(interpreter.get_tensor(one["index"]), one) for one in given}

    scale, zero = source["quantization"]
    shapes = {names[one["index"]]: tuple(map(int, one["shape"])) for one in given}
    return Backend(
        tuple(map(int, source["shape"])), np.dtype(source["dtype"]), shapes, run, f"LiteRT {version('ai-edge-litert')}",
        (float(scale), int(zero)) if scale else None, described,
    )  # fmt: skip


def _real(values: Array, about: Mapping[str, Any]) -> Array:
    scale, zero = about["quantization"]
    return (values.astype(np.float32) - zero) * scale if scale else values


def _onnx(path: Path, threads: int) -> Backend:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = threads, 4
    try:
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many classes of its own
        raise FileError(f"{path}: ONNX Runtime does not load it ({' '.join(str(error).split())[:200]})") from None
    source, *more = session.get_inputs()
    _one_input(path, 1 + len(more))
    names = [one.name for one in session.get_outputs()]
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
    if source.type not in types:
        raise FileError(f"{path}: its input is a {source.type}; want {', '.join(types)}")

    def run(pixels: Array) -> dict[str, Array]:
        return dict(zip(names, session.run(names, {source.name: pixels}), strict=True))

    return Backend(
        _sides(source.shape), np.dtype(types[source.type]), {one.name: _sides(one.shape) for one in session.get_outputs()},
        run, f"ONNX Runtime {onnxruntime.__version__}",
    )  # fmt: skip


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
    _one_input(path, len(model.inputs))
    names = list(model.output_names)
    call = tf.function(lambda pixels: model(pixels, training=False))

    def run(pixels: Array) -> dict[str, Array]:
        given = call(tf.constant(pixels))
        values = list(given.values()) if isinstance(given, dict) else given
        values = list(values) if isinstance(values, list | tuple) else [values]
        return {name: one.numpy() for name, one in zip(names, values, strict=True)}

    shapes = {name: _sides(one.shape) for name, one in zip(names, model.outputs, strict=True)}
    kind = np.dtype(str(model.inputs[0].dtype))
    return Backend(_sides(model.inputs[0].shape), kind, shapes, run, f"TensorFlow {tf.__version__}")


def _sides(shape: Any) -> Shape:
    return tuple(side if isinstance(side, int) and side > 0 else None for side in shape)


def _one_input(path: Path, count: int) -> None:
    if count != 1:
        raise FileError(f"{path}: it has {count} inputs; want one, a picture")
