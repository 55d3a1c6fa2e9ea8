"""int8 files whose layers are computed in int8 or in float, one by one, until a bound holds."""

from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from export import flatbuffer, mixed_precision, quantize
from export.bound import Bound
from export.convert import to_float32, to_onnx
from export.deployable import Deployable
from export.interpreter import interpreter_of
from export.layers import layers_of
from export.mixed_precision import Mixed
from export.pieces import extra_ms, piece, run_ms
from export.precision_note import NOTE, text_of
from export.sensitivity import Search
from heads.one_hot import OneHot
from metrics.lookup import metrics_of
from tasks.grading_files import GradeComparison, GradeModel, grade_answer
from tests.contracts.test_configs import spec_of
from tests.export.made import PLAIN, converted, pictures, random_module, torch_answers

SIDE, CLASSES, DEPTH, WIDE = 32, 4, 9, 6
FAMILIES = (
    "csrn", "efficientnet_b0", "efficientnet_lite0", "mobilenet", "mobilenetv2", "mobilenetv3_small", "mobilenetv4_conv_small",
    "resnet34", "shufflenetv2", "simplenet_v2", "vgg16",
)  # fmt: skip


class OneLoudChannel(nn.Module):
    """Convolutions in a row; what the one at WIDE gives is 3000 times as large in one channel, and made small again by the next."""

    def __init__(self):
        super().__init__()
        widths = [3, *[8] * DEPTH]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, 2 if place < 2 else 1, 1)
            for place, (before, after) in enumerate(pairwise(widths))
        )
        self.linear = nn.Linear(8, CLASSES)
        with torch.no_grad():
            for layer in self.convolutions:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                layer.bias.zero_()
            self.convolutions[0].weight.div_(128)
            self.convolutions[WIDE].weight[0].mul_(3000)
            self.convolutions[WIDE + 1].weight[:, 0].div_(3000)

    def forward(self, pixels):
        for layer in self.convolutions:
            pixels = layer(pixels).relu()
        return self.linear(pixels.mean(dim=(2, 3)))


@cache
def breaking():
    """The deployable network, whose classes differ from picture to picture, its float32 file, and pictures."""
    torch.manual_seed(1)
    network, images = OneLoudChannel().eval(), pictures(60, SIDE)
    with torch.inference_mode():
        features = nn.Identity()
        network.linear, linear = features, network.linear
        found = network(torch.from_numpy(images).permute(0, 3, 1, 2).float())
        network.linear = linear
        directions = torch.linalg.svd(found - found.mean(dim=0), full_matrices=False)[2][:CLASSES]
        spread = ((found - found.mean(dim=0)) @ directions.T).std(dim=0)
    with torch.no_grad():
        linear.weight.copy_(2 * directions / spread[:, None])
        linear.bias.copy_(-linear.weight @ found.mean(dim=0))
    model = Deployable(network, OneHot(CLASSES), grade_answer).eval()
    torch_answers(model, images[:1])
    return model, to_float32(to_onnx(model, (SIDE, SIDE), model.outputs)), images


def bound_on(images, data, most_lost, parts=None):
    """Labels are what the float32 file says, so that what a file loses is what it answers otherwise."""
    grades, probabilities = GradeModel(data).grade(images)
    names = [f"{place}" for place in range(len(images))]
    columns = pd.DataFrame(
        {"sample": names, "source_id": names, "group": names, "part": parts or ["val"] * len(images), "label": grades}
    )
    said = GradeComparison(columns, images, grades, probabilities.astype(np.float64), ordered=True)
    return Bound.of(said, metrics_of("grading"), most_lost)


def source(bound=None, count=40):
    _, data, images = breaking()
    return quantize.FloatFile(data, images[:count], GradeModel, bound=bound)


class SqueezeExcite(nn.Module):
    """A convolution, and a residual block with a squeeze-excite branch."""

    def __init__(self):
        super().__init__()
        self.stem, self.expand, self.project = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 1), nn.Conv2d(16, 8, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.reduce, self.gate = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)
        self.head, self.linear, self.silu = nn.Conv2d(8, 12, 1), nn.Linear(12, CLASSES), nn.SiLU()

    def forward(self, pixels):
        stem = self.stem(pixels / 128 - 1).relu()
        inner = self.silu(self.depthwise(self.silu(self.expand(stem))))
        inner = inner * self.gate(self.silu(self.reduce(inner.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        return self.linear(self.head(stem + self.project(inner)).mean(dim=(2, 3)))


def test_layers_hold_what_is_computed_of_a_convolution_alone():
    torch.manual_seed(0)
    model = Deployable(SqueezeExcite(), OneHot(CLASSES), grade_answer).eval()
    torch_answers(model, pictures(1, SIDE))
    data = to_float32(to_onnx(model, (SIDE, SIDE), model.outputs))
    outside = quantize.edges(data)
    layers = layers_of(data, outside)
    assert layers.names(range(6)) == ["stem", "expand", "depthwise", "reduce", "project", "head"]
    made = {
        flatbuffer.tensor_name(model, int(one.outputs[0])): flatbuffer.operator_name(model, one)
        for model in [flatbuffer.unpack(data)] for one in flatbuffer.graph(model).operators
    }  # fmt: skip
    kinds = [[made[name] for name in layer.results] for layer in layers.layers]
    assert kinds == [
        ["CONV_2D"],
        ["CONV_2D", "LOGISTIC", "MUL"],
        ["DEPTHWISE_CONV_2D", "LOGISTIC", "MUL", "MEAN", "MUL"],
        ["CONV_2D", "LOGISTIC", "MUL", "CONV_2D", "LOGISTIC"],
        ["CONV_2D", "ADD"],
        ["CONV_2D"],
    ]
    assert [layer.pooled for layer in layers.layers] == [False, False, False, True, False, False]
    assert sum(map(len, kinds)) + len(outside) == len(made)
    assert layers.blocks == ({1, 2, 3, 4},)
    assert layers.connected({0, 2, 3, 5}) == [{0}, {2, 3}, {5}]
    assert layers.near({2}) == {1, 3, 4}


def test_a_piece_gives_what_the_whole_file_gives_there():
    _, data, images = breaking()
    model = flatbuffer.unpack(data)
    layers = layers_of(data, quantize.edges(data))
    names = layers.results({3, 4})
    whole = interpreter_of(data, 1, keep_all=True)
    whole.set_tensor(whole.get_input_details()[0]["index"], images[:1].astype(np.float32))
    whole.invoke()
    places = {one["name"]: one["index"] for one in whole.get_tensor_details()}
    part = interpreter_of(piece(model, names), 1)
    (given,) = part.get_input_details()
    part.set_tensor(given["index"], whole.get_tensor(places[given["name"]]))
    part.invoke()
    (answer,) = part.get_output_details()
    np.testing.assert_allclose(part.get_tensor(answer["index"]), whole.get_tensor(places[names[-1]]), rtol=1e-5)
    assert flatbuffer.pack(model) == flatbuffer.pack(flatbuffer.unpack(data))
    with pytest.raises(ValueError, match="no operator gives nothing"):
        piece(model, ["nothing"])


def test_a_piece_in_float_has_the_casts_around_it():
    layers = layers_of(source().data, quantize.edges(source().data))
    mixed = quantize.int8(source(), **PLAIN | {"float_layers": 0})
    made = search().make(frozenset({3}))
    kinds = [
        [flatbuffer.operator_name(model, one) for one in flatbuffer.graph(model).operators]
        for model in (flatbuffer.unpack(piece(flatbuffer.unpack(data), layers.results({3}))) for data in (made, mixed))
    ]
    assert kinds == [["DEQUANTIZE", "CONV_2D", "QUANTIZE"], ["CONV_2D"]]


def test_what_takes_longer_costs_more():
    layers = layers_of(source().data, quantize.edges(source().data))
    model = flatbuffer.unpack(source().data)
    all_of_it, one = (piece(model, layers.results(chosen)) for chosen in (range(DEPTH), {DEPTH - 1}))
    assert extra_ms(all_of_it, one) > 0 > extra_ms(one, all_of_it)
    assert run_ms(all_of_it) > run_ms(one)


def search(extra=extra_ms):
    """Over the int8 files of the network whose one channel drowns the others."""
    one = source()
    outside = quantize.in_float(one.data, float_edges=True)
    layers = layers_of(one.data, outside)
    return Search(
        layers,
        lambda chosen: quantize.static_int8(one, "min_max", True, outside, layers.results(chosen)),
        lambda data: quantize.probability_change(data, one),
        extra,
    )


def steps_of(one):
    step = one.plain()
    while step:
        yield step
        step = one.after(step)


def test_the_search_goes_from_int8_to_float_and_finds_the_layer_that_breaks():
    steps = list(steps_of(search()))
    assert [len(steps[place].chosen) for place in (0, -1)] == [0, DEPTH]
    assert all(before.chosen < after.chosen for before, after in pairwise(steps))
    assert steps[-1].change < 1e-6 < 0.1 < steps[0].change
    assert {WIDE, WIDE + 1} <= steps[1].chosen  # between them the loud channel is rounded
    assert steps[1].change < steps[0].change / 5


def test_a_layer_that_costs_more_goes_later():
    def first_to_go(dear):
        one = search()
        one.extra = lambda data, _: sum(1e6 if place == dear else 1.0 for place in in_float(one.layers, data))
        return next(step.moved for step in steps_of(one) if step.moved)

    assert first_to_go(None) == {WIDE, WIDE + 1, WIDE + 2}  # the run that holds the loud channel
    assert WIDE + 2 not in first_to_go(WIDE + 2)


def in_float(layers, data):
    """Places of the layers that a piece of a file computes in float."""
    model = flatbuffer.unpack(data)
    given = [int(index) for operator in flatbuffer.graph(model).operators for index in operator.outputs]
    floats = [index for index in given if flatbuffer.graph(model).tensors[index].type == 0]
    return layers.holding([flatbuffer.tensor_name(model, index) for index in floats])


@pytest.mark.parametrize("layers", ["mixed", "auto"])
def test_the_bound_is_kept(layers, monkeypatch):
    _, data, images = breaking()
    bound = bound_on(images, data, 0.05)
    monkeypatch.setattr(quantize, "TOLERANCE", 1.0)  # the probabilities ask for nothing: what is left is the bound
    plain = quantize.int8(source(bound), **PLAIN)
    assert bound.lost(plain) > 0.4
    given = source(bound)
    made = quantize.int8(given, **PLAIN | {"float_layers": layers})
    assert bound.lost(made) <= 0.05
    note = given.notes[NOTE]
    assert note["within_bound"]
    assert 2 <= len(note["float_layers"]) < note["layers"] == DEPTH
    assert {f"convolutions.{WIDE}", f"convolutions.{WIDE + 1}"} <= set(note["float_layers"])
    losses = [step["lost"] for step in note["steps"] if "lost" in step]
    assert losses[0] > 0.4
    assert losses[-1] == pytest.approx(bound.lost(made), abs=1e-6)
    assert "points of val accuracy, more than 5.0 points" in text_of(note)


def test_where_only_float_keeps_the_bound_it_is_said():
    _, data, images = breaking()
    bound = bound_on(images, data, -0.01)  # better than torch itself: nothing is
    mixed = Mixed(search(lambda first, second: 0.0), bytes, 0.007, bound)
    made, note = mixed.file()
    assert not note["within_bound"]
    assert text_of(note).count("int8 is not to be had within -1.0 points of val accuracy: the best of") == 1
    losses = [step["lost"] for step in note["steps"] if "lost" in step]
    assert bound.lost(made) == pytest.approx(min(losses), abs=1e-6)
    assert 9 in {tensor.type for tensor in flatbuffer.graph(flatbuffer.unpack(made)).tensors}


def test_the_bound_asks_the_validation_set_and_never_the_test_set():
    _, data, images = breaking()
    plain = quantize.int8(source(), **PLAIN)
    parts = ["val"] * 20 + ["test"] * 20 + ["train"] * 20
    wrong = GradeModel(plain).grade(images)[0] != GradeModel(data).grade(images)[0]
    assert bound_on(images, data, 0.01, parts).lost(plain) == pytest.approx(wrong[:20].mean())
    without = ["train"] * 20 + ["test"] * 40
    own = bound_on(images, data, 0.01, without)
    assert own.lost(plain) == pytest.approx(wrong[:20].mean())
    assert own.words(0.034) == "3.4 points of agreement"
    assert bound_on(images, data, 0.01, ["test"] * 60) is None


@pytest.mark.parametrize(("times_dearer", "affordable"), [(1.0, 5), (1.6, 3), (100.0, 0)])
def test_a_whole_file_that_takes_too_long_gives_layers_back(times_dearer, affordable, monkeypatch):
    monkeypatch.setattr(mixed_precision, "run_ms", lambda data: 10.0)  # a tenth of it may be spent

    def extra(one, other):
        """A layer costs a fifth of what may be spent, in a whole file more."""
        whole = all(len(operators_of(data, "CONV_2D")) == DEPTH for data in (one, other))
        return 0.2 * len(in_float(mixed.search.layers, one)) * (times_dearer if whole else 1.0)

    mixed = Mixed(search(extra), bytes, 0.0, None)
    made, note = mixed.file()
    assert len(note["float_layers"]) <= affordable
    assert (len(note["float_layers"]) >= 1) == (affordable >= 1)
    assert extra(made, mixed.search.make(frozenset())) <= 1.0


def operators_of(data, kind):
    """Those of a kind."""
    model = flatbuffer.unpack(data)
    return [one for one in flatbuffer.graph(model).operators if flatbuffer.operator_name(model, one) == kind]


def test_where_the_probabilities_ask_for_nothing_int8_stays_as_it_is():
    one = search()
    made, note = Mixed(one, bytes, 1.0, None).file()
    assert made == one.make(frozenset())
    assert note["float_layers"] == []
    assert len(note["steps"]) == 1


def test_where_leading_layers_are_enough_the_record_says_which(monkeypatch):
    one = source()
    three = quantize.int8(one, **PLAIN | {"float_layers": 3})
    monkeypatch.setattr(quantize, "STEMS", (3,))
    monkeypatch.setattr(quantize, "TOLERANCE", quantize.probability_change(three, one))
    assert quantize.int8(one, **PLAIN | {"float_layers": "auto"}) == three
    assert one.notes[NOTE]["float_layers"] == ["convolutions.0", "convolutions.1", "convolutions.2"]
    assert "the leading ones" in one.notes[NOTE]["why"]
    assert text_of(one.notes[NOTE]) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_each_layer_of_every_family_can_be_cut_out(name):
    side = (spec_of(name).resolutions or (96,))[0]
    _, data = converted(random_module(name, resolution=side), side)
    one = quantize.FloatFile(data, pictures(4, side), GradeModel)
    outside = quantize.in_float(data, float_edges=True)
    layers = layers_of(data, outside)
    every = [name for layer in layers.layers for name in layer.results]
    assert len(every) == len(set(every))
    assert layers.layers
    plain = flatbuffer.unpack(quantize.static_int8(one, "min_max", True, outside, []))
    float32 = flatbuffer.unpack(data)
    for layer in layers.layers:
        for model in (plain, float32):
            interpreter_of(piece(model, layer.results), 1).invoke()
    wide = next(iter(layers.blocks), {0})
    mixed = quantize.static_int8(one, "min_max", True, outside, layers.results(wide))
    assert np.isfinite(quantize.probability_change(mixed, one))
    assert np.isfinite(
        extra_ms(piece(flatbuffer.unpack(mixed), layers.results(wide)), piece(plain, layers.results(wide)))
    )
