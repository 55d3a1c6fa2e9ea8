"""Every kind of file of every network and encoding: the whole matrix is slow, a small one runs always."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from export import flatbuffer, quantize
from export.bias_correction import convolution_outputs
from export.convert import to_float32, to_onnx
from export.deployable import Deployable
from export.ranges import Seen, least_error, min_max, percentile
from export.runtime import read_file
from tasks.grading_files import GradeModel, grade_answer
from tests.backbones import NAMES
from tests.contracts.test_configs import spec_of
from tests.export.made import CONF, PLAIN, converted, pictures, random_module, torch_answers
from training.build import NON_HEAD_KEYS, partial_from_config

ENCODINGS = sorted(path.stem for path in (Path(CONF) / "encoding").glob("*.yaml") if "[grades]" in path.read_text())


class Logits(nn.Module):
    """A network of nothing but a classifier: any logits can be brought about."""

    def __init__(self, outputs):
        super().__init__()
        self.convolution = nn.Conv2d(3, outputs, 1)

    def forward(self, pixels):
        return self.convolution(pixels).mean(dim=(2, 3))


def head_of(encoding, classes):
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(CONF, version_base="1.3"):
        node = compose("train", overrides=[f"encoding={encoding}"]).encoding
        return partial_from_config(node, exclude=NON_HEAD_KEYS)(num_classes=classes)


@pytest.mark.parametrize("classes", [pytest.param(2, marks=pytest.mark.slow), 5])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_file_decodes_as_python_does(encoding, classes):
    torch.manual_seed(classes)
    head = head_of(encoding, classes)
    network = Logits(head.num_outputs)
    with torch.no_grad():
        network.convolution.weight.copy_(torch.randn_like(network.convolution.weight) / 12)
        network.convolution.bias.copy_(1.5 - 127.5 * network.convolution.weight.sum(dim=(1, 2, 3)))
    model = Deployable(network, head, grade_answer).eval()
    images = pictures(200, 32)
    decided, probabilities = torch_answers(model, images)
    with torch.inference_mode():
        grades = head.decode(network(torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2))).numpy()
    np.testing.assert_array_equal(decided, grades)
    given, chances = GradeModel(to_float32(to_onnx(model, (32, 32), model.outputs))).grade(images)
    assert len(np.unique(grades)) >= max(2, classes - 1)
    np.testing.assert_array_equal(given, grades)
    np.testing.assert_allclose(chances, probabilities, atol=1e-5)
    if encoding == "ordinal" and classes == 5:
        levels = torch.sigmoid(network(torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2)))
        assert (levels.diff(dim=1) > 0).any(dim=1).sum() > 50  # outputs that are not monotone were among them


KINDS = ("float16", "dynamic", "int8")


def check_kinds(backbone, width, resolution, encoding, names=KINDS):
    module = random_module(backbone, width=width, encoding=encoding, resolution=resolution)
    images = pictures(16, resolution)
    model, data = converted(module, resolution)
    grades, probabilities = torch_answers(model, images)
    assert GradeModel(data).input_shape == (1, resolution, resolution, 3)
    given, chances = GradeModel(data).grade(images)
    np.testing.assert_allclose(chances, probabilities, atol=1e-4)
    np.testing.assert_array_equal(given, grades)
    source = quantize.FloatFile(data, images, GradeModel)
    ways = {"float16": quantize.float16, "dynamic": quantize.dynamic, "int8": partial(quantize.int8, **PLAIN)}
    kinds = {name: ways[name](source) for name in names}
    for name, made in kinds.items():
        chances = GradeModel(made).grade(images)[1]
        np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-3)
        if name == "float16":
            np.testing.assert_allclose(chances, probabilities, atol=0.1)
    kernels = sum(parameter.dim() > 1 for parameter in module.parameters())
    classifier = 4 * sum(parameter.numel() for parameter in module.network.linear.parameters())
    if "float16" in kinds:
        assert flatbuffer.tensors_by_type(kinds["float16"])["float16"] >= kernels
    assert flatbuffer.tensors_by_type(kinds["int8"])["int8"] >= max(1, 2 * (kernels - 2))  # first and last stay float
    if len(data) > 400_000:  # below, the graph weighs as much as the weights
        assert 0.45 < len(kinds.get("float16", data[::2])) / len(data) < 0.6
        assert len(kinds["int8"]) < classifier + 0.4 * (len(data) - classifier)


@pytest.mark.parametrize(
    ("backbone", "width", "encoding"),
    [
        ("mobilenet", 0.25, "ordinal"),
        ("mobilenetv2", 0.35, "one_hot"),
        ("mobilenetv3_small", 1.0, "corn"),
        ("mobilenetv4_conv_small", 1.0, "ordinal"),
        ("efficientnet_lite0", 1.0, "one_hot"),
        pytest.param("efficientnet_b0", 1.0, "coral", marks=pytest.mark.slow),
        pytest.param("resnet34", 1.0, "corn", marks=pytest.mark.slow),
        ("shufflenetv2", 0.5, "ordinal"),
        pytest.param("vgg16", 1.0, "ordinal", marks=pytest.mark.slow),
    ],
)
def test_one_network_of_each_family(backbone, width, encoding):
    check_kinds(backbone, width, 64, encoding, KINDS if backbone == "mobilenet" else ("int8",))


def two_sizes(name):
    """In pixels: those that a network is bound to, else one that strides divide evenly to the end and one that not."""
    return spec_of(name).resolutions[:2] or (96, 144)


MATRIX = [(name, size) for name in NAMES for size in two_sizes(name)]


@pytest.mark.slow
@pytest.mark.parametrize(("backbone", "resolution", "encoding"), [
    (name, size, ENCODINGS[index % len(ENCODINGS)]) for index, (name, size) in enumerate(MATRIX)
])  # fmt: skip
def test_every_network(backbone, resolution, encoding):
    check_kinds(backbone, None, resolution, encoding)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding(encoding):
    check_kinds("mobilenetv2", 0.35, 96, encoding)


@pytest.mark.slow
@pytest.mark.parametrize("width", [0.25, 0.5, 0.75, 1.0])
def test_every_width(width):
    check_kinds("mobilenet", width, 224, "one_hot")


@pytest.fixture(scope="module")
def small():
    """A small network's float32 file and pictures."""
    module = random_module("mobilenet", width=0.25)
    return quantize.FloatFile(converted(module, 64)[1], pictures(48, 64), GradeModel)


def change(made, source):
    """On the pictures that its biases were corrected by and others like them."""
    wanted = GradeModel(source.data).grade(source.images)[1]
    return float(np.abs(GradeModel(made).grade(source.images)[1] - wanted).mean())


def test_no_padding_operator_is_left(small):
    model = flatbuffer.unpack(small.data)
    kinds = [flatbuffer.operator_name(model, operator) for operator in flatbuffer.graph(model).operators]
    assert "PAD" not in kinds[: kinds.index("FULLY_CONNECTED")]


def test_each_means_of_int8_brings_it_nearer(small):
    crude = quantize.int8(small, **PLAIN | {"per_channel": False})
    plain = quantize.int8(small, **PLAIN)
    corrected = quantize.int8(small, **PLAIN | {"bias_correction": True})
    stem = quantize.int8(small, **PLAIN | {"float_layers": 7})
    everything = quantize.int8(small, **PLAIN | {"estimator": "mse", "bias_correction": True, "float_layers": 7})
    assert change(crude, small) > change(plain, small)
    assert change(plain, small) > change(stem, small)
    assert change(plain, small) > change(corrected, small)
    assert change(plain, small) > change(everything, small)


def test_float_layers_are_the_leading_ones(small):
    names = convolution_outputs(flatbuffer.unpack(small.data))
    model = flatbuffer.unpack(quantize.int8(small, **PLAIN | {"float_layers": 3}))
    types = {flatbuffer.tensor_name(model, i): t.type for i, t in enumerate(flatbuffer.graph(model).tensors)}
    operators = [o for o in flatbuffer.graph(model).operators if "CONV" in flatbuffer.operator_name(model, o)]
    assert [types[flatbuffer.tensor_name(model, int(o.inputs[1]))] for o in operators][:4] == [0, 0, 0, 9]
    assert len(operators) == len(names)


@pytest.mark.parametrize("wrong", [{"estimator": "mean"}, {"float_layers": -1}, {"float_layers": 400}])
def test_wrong_settings_are_named(small, wrong):
    (key,) = wrong
    with pytest.raises(quantize.QuantizationError, match=f"{key}={wrong[key]}: want"):
        quantize.int8(small, **PLAIN | wrong)


def test_an_empty_calibration_part_is_refused(small):
    with pytest.raises(quantize.QuantizationError, match="calibration part is empty"):
        quantize.int8(quantize.FloatFile(small.data, small.images[:0], GradeModel), **PLAIN)


def test_half_precision_rounds_each_constant_once(small):
    model = flatbuffer.unpack(small.data)
    halved = flatbuffer.unpack(quantize.float16(small))
    names = {flatbuffer.tensor_name(halved, i): i for i, _ in enumerate(flatbuffer.graph(halved).tensors)}
    checked = 0
    for operator in flatbuffer.graph(model).operators:
        for index in operator.inputs:
            values = flatbuffer.constant(model, index)
            if values is not None and values.dtype == np.float32 and values.size > 1:
                half = flatbuffer.constant(halved, names[flatbuffer.tensor_name(model, index) + "_float16"])
                np.testing.assert_array_equal(half, values.astype(np.float16))
                checked += 1
    assert checked > 50


def test_metadata_travels_in_the_file(small, tmp_path):
    path = tmp_path / "some.tflite"
    about = {"task": "grading", "labels": ["a"], "size": [32, 32], "resolution": 32}
    path.write_bytes(flatbuffer.with_metadata(small.data, {"gridlite": json.dumps(about).encode()}))
    data, described = read_file(path)
    assert described == about
    again = flatbuffer.with_metadata(data, {"gridlite": b'{"labels": ["b"]}'})
    assert flatbuffer.read_metadata(again)["gridlite"] == b'{"labels": ["b"]}'
    np.testing.assert_array_equal(
        GradeModel(again).grade(small.images)[0], GradeModel(small.data).grade(small.images)[0]
    )


@pytest.mark.parametrize("length", [0, 3, 40, 5000])
def test_bytes_that_are_no_file_are_refused(small, length, tmp_path):
    path = tmp_path / "cut.tflite"
    path.write_bytes(small.data[:length])
    with pytest.raises(flatbuffer.FileError, match=r"cut\.tflite: "):
        read_file(path)


def test_ranges_hold_zero_and_cost_less_than_min_max():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 20_000).astype(np.float32)
    seen = Seen(np.append(values, np.float32(60)), float(values.min()), 60.0)
    low, high = least_error(seen)
    assert low < 0 < high < 60
    assert min_max(seen) == (float(values.min()), 60.0)
    assert percentile(seen, 0.99)[1] < 4
    positive = Seen(np.abs(values) + 1, 1.0, 5.0)
    assert min_max(positive)[0] == least_error(positive)[0] == percentile(positive)[0] == 0


def test_a_range_of_exact_steps_is_kept_whole():
    seen = Seen(np.arange(256, dtype=np.float32), 0.0, 255.0)
    assert least_error(seen) == (0.0, 255.0)


def test_float_layers_are_judged_on_means_of_neighbours(small):
    assert small.blends.shape == (47, 64, 64, 3)
    wanted = (small.images[3].astype(int) + small.images[4]) // 2
    np.testing.assert_array_equal(small.blends[3], wanted)
    assert len(quantize.FloatFile(small.data, small.images[:1], GradeModel).blends) == 1
    made = quantize.int8(small, **PLAIN)
    expected = np.abs(GradeModel(made).grade(small.blends)[1] - GradeModel(small.data).grade(small.blends)[1]).mean()
    assert quantize.probability_change(made, small) == pytest.approx(expected)
