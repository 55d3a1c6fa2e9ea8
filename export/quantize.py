"""float32 TFLite → the other kinds of file: one function per kind, each bound by a file of conf/quantization."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from export import flatbuffer
from export.bias_correction import convolution_outputs, correct_biases
from export.edges import decoding, edges, padded_pools
from export.equal_scales import one_scale_where_equal
from export.float_file import CORRECTION_IMAGES, FloatFile, QuantizationError
from export.kept_float import float_results
from export.layers import layers_of
from export.mixed_precision import Mixed
from export.precision_note import NOTE, asked, said
from export.ranges import ESTIMATORS
from export.recipe import left_alone, quantized, rule
from export.sensitivity import Search

if TYPE_CHECKING:
    pass

TOLERANCE = 0.007
"""Change of the probabilities of blended calibration images (`FileModel.change`) at which `float_layers=auto` is content; the
correction of biases, which comes after, takes away more than half of it."""
STEMS = (0, 1, 2, 3, 5, 7, 9, 12, 16)
"""Numbers of leading convolutions that `float_layers=auto` tries, in this order."""


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
    connected = rule(".*", activations=False, per_channel=False) | {"operation": "FULLY_CONNECTED"}
    rules = [rule(".*", activations=False), connected, left_alone(".*", "DEPTHWISE_CONV_2D")]
    return one_scale_where_equal(quantized(source.data, rules, {}))


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
        float_layers: so many leading convolutions stay in float; the first layers are the most sensitive ones, and over few
            channels float is about as fast. `mixed` moves layers to float by what they give per millisecond, see
            `sensitivity`, until the probabilities of blended calibration images change by less than TOLERANCE and the file is
            within the source's bound. `auto` takes the fewest leading ones that do, at most a third of all convolutions, and
            `mixed` where no number of them does.

    Raises ValueError for an unknown estimator or number.

    """
    if estimator not in ESTIMATORS:
        raise QuantizationError(f"estimator={estimator}: want one of {', '.join(ESTIMATORS)}")
    convolutions = convolution_outputs(flatbuffer.unpack(source.data))
    if float_layers not in ("auto", "mixed") and not (
        isinstance(float_layers, int) and 0 <= float_layers <= len(convolutions)
    ):
        wanted = f"auto, mixed, or 0 to {len(convolutions)}, the number of convolutions"
        raise QuantizationError(f"float_layers={float_layers}: want {wanted}")
    outside = in_float(source.data, float_edges=float_edges)
    make = partial(static_int8, source, estimator, per_channel, outside)

    def finish(made: bytes) -> bytes:
        few = source.images[:CORRECTION_IMAGES]
        return correct_biases(made, source.means, list(few)) if bias_correction else made

    def nearer(made: bytes) -> bytes:
        """With corrected biases where these bring it nearer to float32: few layers left in int8, and they may not."""
        both = [made, *([finish(made)] if bias_correction else [])]
        return min(both, key=lambda one: change_of_both(one, source))

    if isinstance(float_layers, int):
        return finish(make(convolutions[:float_layers]))
    layers = layers_of(source.data, outside)
    search = Search(layers, lambda chosen: make(layers.results(chosen)), lambda data: change_of_both(data, source))
    stems = [stem for stem in STEMS if stem <= len(convolutions) / 3] if float_layers == "auto" else []
    for stem in stems:
        made = make(convolutions[:stem])
        if (change := probability_change(made, source)) <= TOLERANCE:
            made = finish(made)
            if source.bound is None or source.bound.lost(made) <= source.bound.most_lost:
                chosen = layers.holding(convolutions[:stem])
                source.notes[NOTE] = said(
                    layers.names(chosen), len(layers.layers), f"the leading ones: {asked(change, TOLERANCE)}"
                )
                return made
            break
    made, source.notes[NOTE] = Mixed(search, nearer, TOLERANCE, source.bound).file()
    return made


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
    return then(replace(source.retrain(epochs, lr), bound=source.bound, notes=source.notes))


def probability_change(data: bytes, source: FloatFile) -> float:
    """How far a file's probabilities lie from float32's over blended calibration images, see `FileModel.change`."""
    return source.kind.change(source.probabilities, source.kind(data).probabilities(source.blends))


def change_of_both(data: bytes, source: FloatFile) -> float:
    """The same over twice as many blends: a search compares many files, and one of them is good by chance."""
    other = source.kind.change(source.other_probabilities, source.kind(data).probabilities(source.other_blends))
    return (probability_change(data, source) + other) / 2


def in_float(data: bytes, *, float_edges: bool) -> list[str]:
    """Names of results that every int8 file computes in float."""
    return [*(edges(data) if float_edges else decoding(data)), *padded_pools(data), *float_results(data)]


def static_int8(
    source: FloatFile, estimator: str, per_channel: bool, outside: list[str], keep_float: list[str]
) -> bytes:
    """One static quantisation; results named in `outside` and `keep_float` are computed in float."""
    rules = [rule(".*", per_channel=per_channel), left_alone(".*", "INPUT"), left_alone(".*", "OUTPUT")]
    if names := "|".join(map(re.escape, (*outside, *keep_float))):
        rules.append(left_alone(f"^(?:{names});?$"))  # one: every operator is held against every rule
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
    return quantized(source.data, rules, ranges)
