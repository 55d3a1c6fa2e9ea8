"""Files as something to call: .tflite by LiteRT, .onnx by ONNX Runtime."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from export.flatbuffer import FileError, unpack
from export.interpreter import interpreter_of

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
    steps: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """The same of integer outputs, by name."""
    described: Mapping[str, Any] = field(default_factory=dict)
    """gridlite's metadata, where the file carries it."""


Opened = Callable[[bytes, int], Backend]
"""(bytes of a file, threads) → it, loaded. Raises FileError for bytes that are no such file."""


def tflite(data: bytes, threads: int) -> Backend:
    """By LiteRT; see `Opened`."""
    unpack(data)
    interpreter = interpreter_of(data, threads)
    (source, *more), given = interpreter.get_input_details(), interpreter.get_output_details()
    one_input(1 + len(more))
    signatures = list(interpreter.get_signature_list().values())
    names = {one["index"]: one["name"] for one in given}
    if len(signatures) == 1:
        runner = interpreter.get_signature_runner()
        tensors = {detail["name"]: name for name, detail in runner.get_output_details().items()}
        names |= {one["index"]: tensors[one["name"]] for one in given if one["name"] in tensors}

    def run(pixels: Array) -> dict[str, Array]:
        interpreter.set_tensor(source["index"], pixels)
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise FileError(f"the runtime does not run it ({' '.join(str(error).split())})") from None
        return {names[one["index"]]: _real(interpreter.get_tensor(one["index"]), one) for one in given}

    steps = {names[one["index"]]: _step(one) for one in given}
    return Backend(
        tuple(map(int, source["shape"])), np.dtype(source["dtype"]),
        {names[one["index"]]: tuple(map(int, one["shape"])) for one in given}, run,
        f"LiteRT {version('ai-edge-litert')}", _step(source), {name: step for name, step in steps.items() if step is not None},
    )  # fmt: skip


def _step(about: Mapping[str, Any]) -> tuple[float, int] | None:
    scale, zero = about["quantization"]
    return (float(scale), int(zero)) if scale else None


def _real(values: Array, about: Mapping[str, Any]) -> Array:
    scale, zero = about["quantization"]
    return (values.astype(np.float32) - zero) * scale if scale else values


def onnx(data: bytes, threads: int) -> Backend:
    """By ONNX Runtime; see `Opened`."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = threads, 4
    try:
        session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # of many classes of its own
        raise FileError(f"ONNX Runtime does not load it ({' '.join(str(error).split())[:200]})") from None
    source, *more = session.get_inputs()
    one_input(1 + len(more))
    names = [one.name for one in session.get_outputs()]
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
    if source.type not in types:
        raise FileError(f"its input is a {source.type}; want {', '.join(types)}")

    def run(pixels: Array) -> dict[str, Array]:
        return dict(zip(names, session.run(names, {source.name: pixels}), strict=True))

    return Backend(
        sides(source.shape), np.dtype(types[source.type]), {one.name: sides(one.shape) for one in session.get_outputs()},
        run, f"ONNX Runtime {onnxruntime.__version__}",
    )  # fmt: skip


def sides(shape: Any) -> Shape:
    """Of a shape as a runtime gives it."""
    return tuple(side if isinstance(side, int) and side > 0 else None for side in shape)


def one_input(count: int) -> None:
    """Raises FileError for any other number."""
    if count != 1:
        raise FileError(f"it has {count} inputs; want one, a picture")
