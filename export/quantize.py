"""float32 TFLite → the other kinds of file: one function per kind, each bound by a file of conf/quantization."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from ai_edge_quantizer.quantizer import Quantizer

from export import flatbuffer
from export.bias_correction import CONVOLUTIONS, convolution_outputs, correct_biases, float_means
from export.equal_scales import one_scale_where_equal
from export.kept_float import float_results
from export.ranges import ESTIMATORS, Range, Seen, observe
from export.runtime import FileModel

if TYPE_CHECKING:
    import pandas as pd

    from export.deployable import Deployable

Recipe = list[dict[str, Any]]

CORRECTION_IMAGES = 24
TOLERANCE = 0.007
"""Change of the probabilities of blended calibration images (`FileModel.change`) at which `float_layers=auto` is content; the
correction of biases, which comes after, takes away more than half of it."""
STEMS = (0, 1, 2, 3, 5, 7, 9, 12, 16)
"""Numbers of leading convolutions that `float_layers=auto` tries, in this order."""


class QuantizationError(ValueError):
    """A file that cannot be made; the message says what is missing."""


class Measures(Protocol):
    """See `export.measuring.Measuring`."""

    def float_file(self) -> "FloatFile":
        """The float32 file with the distance."""

    def figures(self, figures: dict[str, Any], answers: "pd.DataFrame") -> dict[str, Any]:
        """Figures of a file with those of its distances."""


@dataclass(frozen=True)
class FloatFile:
    """What every kind of file is made from."""

    data: bytes
    """A float32 TFLite file."""
    images: npt.NDArray[np.uint8]
    """The calibration part, `(n, H, W, 3)`."""
    kind: type[FileModel]
    """How it is read."""
    onnx: bytes = field(default=b"", repr=False)
    """The network as ONNX, from which `data` was converted."""
    network: "Callable[[], Deployable] | None" = field(default=None, repr=False)
    """The deployable network itself, on the processor."""
    retrain: "Callable[[int, float], FloatFile] | None" = field(default=None, repr=False)
    """(epochs, rate) → the float32 file of the network tuned under rounding, see `quantization_aware`."""
    measuring: "Measures | None" = field(default=None, repr=False)
    """Of the network, how far a picture lies from those of training."""
    _ranges: dict[str, dict[str, Range]] = field(default_factory=dict, repr=False)

    @cached_property
    def measured(self) -> "FloatFile":
        """The same for files that give the distance as well, made once. Raises QuantizationError or SpreadError."""
        if self.measuring is None:
            raise QuantizationError("a distance from the pictures of training wants a trained network beside the file")
        return self.measuring.float_file()

    @cached_property
    def seen(self) -> dict[str, Seen]:
        """Activations over the calibration images. Raises QuantizationError when there are none."""
        if not len(self.images):
            raise QuantizationError("the calibration part is empty: int8 has no ranges to go by")
        return observe(self.data, self.images)

    def ranges(self, estimator: str) -> dict[str, Range]:
        """The range of every activation by one of `ranges.ESTIMATORS`; worked out once."""
        if estimator not in self._ranges:
            self._ranges[estimator] = {name: ESTIMATORS[estimator](one) for name, one in self.seen.items()}
        return self._ranges[estimator]

    @cached_property
    def means(self) -> dict[str, npt.NDArray[np.float32]]:
        """Channel means over the images that biases are corrected by."""
        return float_means(self.data, self.images[:CORRECTION_IMAGES])

    @cached_property
    def blends(self) -> npt.NDArray[np.uint8]:
        """Means of two calibration images each, `(n - 1, H, W, 3)`, at most 100; one image is its own blend.

        A network is so sure of what it was trained on that rounding hardly shows. Of blends (Zhang et al. 2018,
        "mixup") it is as unsure as of new images.
        """
        first, second = (self.images[:-1], self.images[1:]) if len(self.images) > 1 else (self.images, self.images)
        return np.asarray((first[:100].astype(np.uint16) + second[:100]) // 2, np.uint8)

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Of the blends, `(n - 1, K)`, of files that mark pixels `(n - 1, H, W, K)`."""
        return self.kind(self.data).probabilities(self.blends)


def float32(source: FloatFile) -> bytes:
    """The float32 file itself, unchanged."""
    return source.data


def float16(source: FloatFile) -> bytes:
    """Constants stored in half the space, computed in float32."""
    return flatbuffer.half_precision(source.data)


def dynamic(source: FloatFile) -> bytes:
    """int8 weights of the larger layers; activations are quantised while it runs, each by its own range.

    A fully connected layer has one scale: runtimes before 2.17 know no more, and a scale per channel agrees with torch no better.
    Depthwise convolutions stay in float: they are a sliver of the weights, and XNNPACK leaves hybrid ones to slower kernels.
    """
    connected = _rule(".*", activations=False, per_channel=False) | {"operation": "FULLY_CONNECTED"}
    rules = [_rule(".*", activations=False), connected, _left_alone(".*", "DEPTHWISE_CONV_2D")]
    return one_scale_where_equal(_quantized(source.data, rules, {}))


def int8(
    source: FloatFile, *, estimator: str, per_channel: bool, float_edges: bool, bias_correction: bool,
    float_layers: int | str,
) -> bytes:  # fmt: skip
    """int8 weights and activations, by ranges seen over the calibration images.

    Args:
        estimator: how a range is chosen: min_max, percentile or mse, see `ranges`.
        per_channel: a scale for every channel of a weight, or one for all.
        float_edges: scaling before the first convolution, and pooling, classifier and decoding after the last one
            stay in float. They are a sliver of the work, and an int8 pooled feature would be read off in steps as
            coarse as the pixels that it averages.
        bias_correction: see `bias_correction`.
        float_layers: so many leading convolutions stay in float; `auto` takes the fewest with which the probabilities of
            blended calibration images change by less than TOLERANCE, at most a third of all convolutions. The first
            layers are the most sensitive ones, and over few channels float is about as fast.

    Raises ValueError for an unknown estimator or number.

    """
    if estimator not in ESTIMATORS:
        raise QuantizationError(f"estimator={estimator}: want one of {', '.join(ESTIMATORS)}")
    convolutions = convolution_outputs(flatbuffer.unpack(source.data))
    if float_layers != "auto" and not (isinstance(float_layers, int) and 0 <= float_layers <= len(convolutions)):
        wanted = f"auto or 0 to {len(convolutions)}, the number of convolutions"
        raise QuantizationError(f"float_layers={float_layers}: want {wanted}")
    stems = [stem for stem in STEMS if stem <= len(convolutions) / 3] if float_layers == "auto" else [int(float_layers)]
    made = best = b""
    least = float("inf")
    for stem in stems:
        made = _int8(source, estimator, per_channel, float_edges, convolutions[:stem])
        change = probability_change(made, source) if len(stems) > 1 else 0.0
        if change < least:
            best, least = made, change
        if change <= TOLERANCE:
            break
    if bias_correction:
        best = correct_biases(best, source.means, list(source.images[:CORRECTION_IMAGES]))
    return best


def int8_qat(source: FloatFile, *, epochs: int, lr: float, then: Callable[[FloatFile], bytes]) -> bytes:
    """The file that `then` makes of the network after some epochs of tuning under int8's rounding.

    Args:
        epochs: over the training set, at least 1.
        lr: Adam's rate at the start.
        then: how the tuned network becomes an int8 file.

    Raises QuantizationError for settings that tune nothing.

    """
    if epochs < 1 or lr <= 0:
        raise QuantizationError(f"epochs={epochs}, lr={lr:g}: want at least one epoch and a rate above 0")
    if source.retrain is None:
        raise QuantizationError("int8_qat needs the training data beside the network")
    return then(source.retrain(epochs, lr))


def probability_change(data: bytes, source: FloatFile) -> float:
    """How far a file's probabilities lie from float32's over blended calibration images, see `FileModel.change`."""
    return source.kind.change(source.probabilities, source.kind(data).probabilities(source.blends))


def _int8(source: FloatFile, estimator: str, per_channel: bool, float_edges: bool, keep_float: list[str]) -> bytes:
    """One static quantisation; results named in `keep_float` are computed in float."""
    outside = [
        *(edges(source.data) if float_edges else _decoding(source.data)),
        *padded_pools(source.data),
        *float_results(source.data),
        *keep_float,
    ]
    rules = [_rule(".*", per_channel=per_channel), _left_alone(".*", "INPUT"), _left_alone(".*", "OUTPUT")]
    rules += [_left_alone(f"^{re.escape(name)};?$") for name in outside]
    model = flatbuffer.unpack(source.data)
    tensors = flatbuffer.graph(model).tensors
    image = flatbuffer.tensor_name(model, int(flatbuffer.graph(model).inputs[0]))
    rank = {flatbuffer.tensor_name(model, index): len(tensor.shape) for index, tensor in enumerate(tensors)}
    ranges = {}
    for name, (low, high) in (
        source.ranges(estimator) | {image: (0.0, 255.0)}
    ).items():  # pixels, whatever was seen of them
        shape = (1,) * rank[name]
        ranges[name] = {"min": np.full(shape, low, np.float32), "max": np.full(shape, high, np.float32)}
    return _quantized(source.data, rules, ranges)


def edges(data: bytes) -> list[str]:
    """Names of the results of all operators before the first convolution and after the last."""
    model = flatbuffer.unpack(data)
    kinds = [flatbuffer.operator_name(model, operator) for operator in flatbuffer.graph(model).operators]
    places = [place for place, kind in enumerate(kinds) if kind in CONVOLUTIONS or _is_inner(model, place, kind)]
    return _results(model, [*range(places[0]), *range(places[-1] + 1, len(kinds))] if places else [])


def _is_inner(model: flatbuffer.Model, place: int, kind: str) -> bool:
    """Whether an operator is a linear layer at every place of a picture, no classifier."""
    operator = flatbuffer.graph(model).operators[place]
    return kind == "FULLY_CONNECTED" and len(flatbuffer.graph(model).tensors[int(operator.outputs[0])].shape) > 2


def padded_pools(data: bytes) -> list[str]:
    """Names of the results of paddings by a constant that no int8 scale has (PADV2, before a maximum: minus infinity), and of what
    reads them.

    They stay in float: the quantiser knows no scale for such a constant, and rounded it would win against the picture.
    """
    model = flatbuffer.unpack(data)
    operators = flatbuffer.graph(model).operators
    padded = {
        int(index) for operator in operators if flatbuffer.operator_name(model, operator) == "PADV2"
        for index in operator.outputs
    }  # fmt: skip
    places = [
        place for place, operator in enumerate(operators)
        if padded & {int(index) for index in (*operator.inputs, *operator.outputs)}
    ]  # fmt: skip
    return _results(model, places)


def _decoding(data: bytes) -> list[str]:
    """Names of the results of all operators after the classifier, the last FULLY_CONNECTED, or the last convolution."""
    model = flatbuffer.unpack(data)
    kinds = [flatbuffer.operator_name(model, operator) for operator in flatbuffer.graph(model).operators]
    places = [place for place, kind in enumerate(kinds) if kind == "FULLY_CONNECTED"]
    places = places or [place for place, kind in enumerate(kinds) if kind in CONVOLUTIONS]
    return _results(model, range(places[-1] + 1, len(kinds)) if places else [])


def _results(model: flatbuffer.Model, places: Any) -> list[str]:
    operators = flatbuffer.graph(model).operators
    return [flatbuffer.tensor_name(model, int(index)) for place in places for index in operators[place].outputs]


def _quantized(data: bytes, rules: Recipe, ranges: dict[str, Any]) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(Quantizer(data, rules).quantize(ranges or None).quantized_model or b"")


def _rule(regex: str, *, activations: bool = True, per_channel: bool = True) -> dict[str, Any]:
    """A line of the quantiser's recipe: int8 weights, with or without int8 activations."""
    granularity = "CHANNELWISE" if per_channel else "TENSORWISE"
    weights = {"num_bits": 8, "symmetric": True, "granularity": granularity, "dtype": "INT", "block_size": 0}
    config: dict[str, Any] = {
        "weight_tensor_config": weights,
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
        "skip_checks": False,
        "min_weight_elements": 0 if activations else 1024,
    }
    if activations:
        config["activation_tensor_config"] = weights | {"symmetric": False, "granularity": "TENSORWISE"}
    return {"regex": regex, "operation": "*", "algorithm_key": "min_max_uniform_quantize", "op_config": config}


def _left_alone(regex: str, operation: str = "*") -> dict[str, Any]:
    return _rule(regex) | {"algorithm_key": "no_quantize", "operation": operation}
