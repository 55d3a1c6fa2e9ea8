"""Ranges of a network's activations, seen over calibration images: what static quantisation needs to know.

The quantiser's own calibration moves an average of each image's extremes; here the values themselves are sampled, so
that a range can be chosen by what it costs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from export.flatbuffer import constant, graph, tensor_name, unpack
from export.interpreter import interpreter_of

Range = tuple[float, float]
"""Smallest and largest value that is represented; always holds 0."""
Floats = npt.NDArray[np.float32]

SAMPLED = 512
"""Values kept per tensor and image, besides its extremes."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one tensor."""

    values: Floats
    """A random sample over all images, `(n,)`."""
    low: float
    high: float


def observe(data: bytes, images: Iterable[Floats], threads: int = 2) -> dict[str, Seen]:
    """Runs a float32 file over images `(S, S, 3)` and keeps a sample of every computed float tensor, by name."""
    model = unpack(data)
    interpreter = interpreter_of(data, threads, keep_all=True)
    source = interpreter.get_input_details()[0]["index"]
    computed = [
        int(index)
        for index in {source, *(int(out) for operator in graph(model).operators for out in operator.outputs)}
        if graph(model).tensors[index].type == 0 and constant(model, index) is None
    ]
    rng = np.random.default_rng(0)
    kept: dict[int, list[Floats]] = {index: [] for index in computed}
    extremes: dict[int, list[Range]] = {index: [] for index in computed}
    for image in images:
        interpreter.set_tensor(source, image[None].astype(np.float32))
        interpreter.invoke()
        for index in computed:
            values = interpreter.get_tensor(index).ravel()
            extremes[index].append((float(values.min()), float(values.max())))
            kept[index].append(values[rng.integers(0, values.size, min(SAMPLED, values.size))].copy())
    return {
        tensor_name(model, index): Seen(
            np.concatenate(kept[index]),
            min(low for low, _ in extremes[index]),
            max(high for _, high in extremes[index]),
        )
        for index in computed
    }


def min_max(seen: Seen) -> Range:
    """Everything that was seen."""
    return min(seen.low, 0.0), max(seen.high, 0.0)


def percentile(seen: Seen, share: float = 0.9999) -> Range:
    """The middle `share` of the values seen."""
    low, high = np.quantile(seen.values, [(1 - share) / 2, (1 + share) / 2])
    return min(float(low), 0.0), max(float(high), 0.0)


def least_error(seen: Seen, bits: int = 8, candidates: int = 40) -> Range:
    """The part of min-max, shrunk alike at both ends, whose 2^bits steps lose least in mean squared error.

    Source: Nagel et al., "A white paper on neural network quantization", 2021, section 3.1 (equation 10), by grid
    search; extremes count as one more value each, so that a rare peak is not cut for nothing.
    """
    low, high = min_max(seen)
    if high == low:
        return low, high
    values = np.append(seen.values, np.array([seen.low, seen.high], np.float32))
    shares = np.linspace(0.2, 1.0, candidates)
    errors = [_squared_error(values, low * share, high * share, bits) for share in shares]
    best = float(shares[int(np.argmin(errors))])
    return low * best, high * best


def _squared_error(values: Floats, low: float, high: float, bits: int) -> float:
    step = (high - low) / (2**bits - 1)
    zero = round(-low / step)
    steps = np.clip(np.rint(values / step) + zero, 0, 2**bits - 1) - zero
    return float(np.mean((steps * step - values) ** 2))


ESTIMATORS: dict[str, Callable[[Seen], Range]] = {"min_max": min_max, "percentile": percentile, "mse": least_error}
