"""A file of the untrained network computes what the trained one's will: that is what a prediction of its cost stands on."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from choices import read_choice
from export.float_file import FloatFile
from export.graph import graph_hash, network_hash
from export.predicted_cost import cost_of, quietest
from export.quantize import dynamic, float16
from export.untrained import fastest_form
from lightning_modules.backbones.spec import BackboneSpec
from tasks.grading_files import GradeModel
from tests.export.made import CONF, converted, pictures, random_module

WIDTH, SIDE, CLASSES = 0.25, 32, 5
LABELS = [f"grade {number}" for number in range(CLASSES)]


def question(kind="int8", side=SIDE, device="host", runs=20):
    """As `jobs.budget` asks of MobileNet."""
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = compose("train", overrides=["backbone=mobilenet", f"width={WIDTH}"])
    spec = BackboneSpec.from_config(OmegaConf.to_container(cfg.backbone.spec))
    plain = {key: OmegaConf.to_container(cfg[key]) for key in ("encoding", "task", "backbone")}
    config = plain | {"width": WIDTH, "fit": "fold", "quantization": {kind: read_choice("quantization", kind)}}
    start = {"origin": "random", "padding": spec.padding, "mean": list(spec.mean), "std": list(spec.std)}
    latency = read_choice("latency", "host") | {"warmup_runs": 1, "runs": runs}
    return {"config": config, "start": start, "labels": LABELS, "size": [side, side], "ordered": True, "kind": kind,
            "device": device, "latency": latency}  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    """The float32 file of a network of other weights and statistics."""
    return converted(random_module("mobilenet", width=WIDTH, resolution=SIDE, seed=7), SIDE)[1]


def test_hashes_of_an_untrained_file_are_those_of_a_trained_one(trained):
    said = cost_of(question("float32"))
    assert said["graph"] == graph_hash(trained)
    assert said["network"] == network_hash(trained)
    assert 0 < said["size_bytes"] - len(trained) < 5000  # labels and what apps read
    (timing,) = said["timings"]
    assert timing["latency_ms_p50"] > 0
    assert timing["threads"] == 1


def test_kinds_of_file_share_a_network_and_no_graph(trained):
    source = FloatFile(trained, pictures(4, SIDE), GradeModel)
    made = [trained, float16(source), dynamic(source)]
    assert len({network_hash(data) for data in made}) == 1
    assert len({graph_hash(data) for data in made}) == len(made)


@pytest.mark.slow
def test_int8_is_made_and_another_size_is_another_network():
    small, large = cost_of(question(device=None)), cost_of(question(device=None, side=2 * SIDE))
    assert small["timings"] == []
    assert small["size_bytes"] == pytest.approx(large["size_bytes"], rel=0.01)  # sides of pictures weigh nothing
    assert small["network"] != large["network"]


@pytest.mark.slow
def test_the_start_that_is_named_is_not_read():
    asked = question("float32", device=None)
    asked["start"] |= {"origin": "imagenet", "path": "/nowhere/at.all"}
    assert cost_of(asked)["graph"] == cost_of(question("float32", device=None))["graph"]


def test_a_hash_sees_no_weights(trained):
    from export.flatbuffer import constant, graph, pack, set_constant, unpack

    model = unpack(trained)
    for index in range(len(graph(model).tensors)):
        values = constant(model, index)
        if values is not None and values.dtype == np.float32:
            set_constant(model, index, values + 1)
    assert graph_hash(pack(model)) == graph_hash(trained)


@pytest.mark.parametrize(
    ("rounds", "said", "steady"),
    [
        ([(2.0, 1.95), (2.02, 1.96)], 2.0, True),
        ([(9.0, 2.0), (3.0, 1.9), (2.0, 1.9), (5.0, 2.5), (2.05, 1.9)], 2.0, True),  # this machine was busy for a while
        ([(9.0, 2.0), (9.0, 2.1)], 2.0, False),  # and here all the time: two rounds agree, and every run was held up
    ],
)
def test_a_busy_machine_makes_no_network_slow(rounds, said, steady):
    left = iter([*rounds[:-1], *[rounds[-1]] * 30])

    def measure():
        median, least = next(left)
        return {"latency_ms_p50": median, "latency_ms_min": least}

    found = quietest(measure)
    assert (found["latency_ms_p50"], found["steady"]) == (said, steady)


def test_layers_in_float_are_left_to_trained_weights_at_any_depth():
    then = {"_target_": "x", "float_layers": "auto"}
    assert fastest_form({"float_layers": "mixed"}) == {"float_layers": 0}
    assert fastest_form({"then": then, "epochs": 2}) == {"then": then | {"float_layers": 0}, "epochs": 2}
    assert fastest_form({"float_layers": 3}) == {"float_layers": 3}
