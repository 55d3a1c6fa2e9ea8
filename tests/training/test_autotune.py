"""Ways of computing steps: what is measured, what is taken, and that none changes what is learned."""

import json
import math
import multiprocessing
import os
import platform
import threading
import time
from dataclasses import asdict
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock
from omegaconf import OmegaConf
from torch.nn.functional import cross_entropy

from jobs.alike import alike
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.execution import PLAIN, ExecutionMode, adopt, in_layout
from lightning_modules.networks.classifier import GradeNetwork
from sweeps.records.run_record import read_record, update_record
from training import autotune, probing
from training.autotune import SHARE, as_record, best, choose_execution, explore, measured_once
from training.probing import Measured, measure, measure_apart

START = InitialWeights("random", "same", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
LAYOUT, LOWER = ExecutionMode(channels_last=False), ExecutionMode(precision="bf16-mixed")


def network():
    torch.manual_seed(0)
    return GradeNetwork(MobileNet(0.25, START), 5, dropout=0.0)


def loss_of(one, images):
    return cross_entropy(one(images).float(), torch.arange(len(images)) % 5)


@pytest.fixture
def batch():
    return torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def measured(way, step_s, setup_s=0.0, loss=1.0, error=""):
    return Measured(way, setup_s, step_s, loss, error)


@pytest.mark.parametrize(
    ("others", "taken"),
    [
        ([measured(LAYOUT, 0.5)], LAYOUT),
        ([measured(LAYOUT, 0.95)], PLAIN),  # less than a tenth is noise
        ([measured(LAYOUT, 0.5), measured(LOWER, 0.4)], LOWER),
        ([measured(LOWER, 0.4, loss=1.2)], PLAIN),  # learns something else
        ([measured(LOWER, 0.4, loss=math.nan)], PLAIN),
        ([measured(LOWER, 0.4, error="not on this device")], PLAIN),
        ([measured(LOWER, 0.4, setup_s=70)], PLAIN),  # 100 steps do not earn that back
    ],
)
def test_the_fastest_way_that_learns_the_same_is_taken(others, taken):
    assert best([measured(PLAIN, 1.0), *others], 100).way == taken


def test_compiling_pays_in_a_long_training_alone():
    compiled = ExecutionMode(compiled="default")
    found = [measured(PLAIN, 1.0), measured(compiled, 0.5, setup_s=100)]
    assert best(found, 100).way == PLAIN
    assert best(found, 1000).way == compiled


def test_a_short_training_looks_no_further(batch):
    assert explore(network(), loss_of, batch, 10) == []  # a step of ten would be more than a twentieth
    assert [one.way for one in explore(network(), loss_of, batch, 100)] == [PLAIN]


@pytest.fixture
def idle(monkeypatch):
    """A machine on which nothing else runs, whatever runs beside the tests."""
    monkeypatch.setattr(probing, "BUSY_LOAD", math.inf)
    monkeypatch.setattr(probing, "BUSY_SPREAD", math.inf)


def steps_for(seconds, batch):
    """So many as a plain training takes that long for."""
    return int(seconds / measure(network(), loss_of, batch, PLAIN).quickest_s)


@pytest.mark.slow
def test_a_long_training_measures_layout_and_precision(batch, idle, monkeypatch):
    monkeypatch.setattr(autotune, "LONG_ENOUGH_TO_COMPILE_S", math.inf)
    long = steps_for(3600, batch)
    found = explore(network(), loss_of, batch, long)
    assert [one.way.precision for one in found] == ["32-true", "32-true", "bf16-mixed"]
    assert [one.way.channels_last for one in found[:2]] == [True, False]
    assert all(one.step_s > 0 for one in found)
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-3)
    assert found[2].loss == pytest.approx(found[0].loss, rel=0.05)
    asked = explore(network(), loss_of, batch, long, ExecutionMode(precision="bf16-mixed"))
    assert {one.way.precision for one in asked} == {"bf16-mixed"}


def test_exploring_leaves_network_and_chance_as_they_were(batch, idle):
    torch.manual_seed(3)
    one = network()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    chance = torch.random.get_rng_state()
    assert explore(one, loss_of, batch, 1000)
    assert torch.equal(torch.random.get_rng_state(), chance)
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())


def hangs_elsewhere(one, images):
    """As a kernel or a compiler that takes minutes: in every process but that of the tests."""
    if multiprocessing.parent_process() is not None:
        time.sleep(600)
    return loss_of(one, images)


def test_looking_costs_no_more_than_a_twentieth_whatever_a_way_takes(batch, idle, monkeypatch):
    """The worst case: every other way hangs. 80 s of training are given 4 s of looking."""
    monkeypatch.setattr(autotune, "BEGIN_S", 0.5)
    monkeypatch.setattr(autotune, "LONG_S", 10.0)
    monkeypatch.setattr(autotune, "LONG_ENOUGH_TO_COMPILE_S", 0.0)
    steps = steps_for(80, batch)
    began = time.perf_counter()
    found = explore(network(), hangs_elsewhere, batch, steps)
    seconds = time.perf_counter() - began
    assert len(found) > 1
    assert all("given up after" in one.error for one in found[1:])
    assert best(found, steps).way == PLAIN
    assert seconds < SHARE * steps * found[0].quickest_s + 0.5  # for ending a process


def test_a_busy_machine_measures_nothing_else(batch, monkeypatch):
    monkeypatch.setattr(probing, "BUSY_LOAD", -1.0)
    (found,) = explore(network(), loss_of, batch, 10_000_000)
    assert found.busy
    assert as_record(PLAIN, [found])["busy"] == found.busy


def test_what_is_measured_is_kept_and_shared(batch, idle, tmp_path):
    file, asked = tmp_path / "speed.json", []

    def one_step():
        asked.append(1)
        return network(), loss_of, batch

    found = measured_once(file, "key", one_step, 100, PLAIN, 1)
    assert [one.way for one in found] == [PLAIN]
    assert measured_once(file, "key", one_step, 100, PLAIN, 1) == found
    assert len(asked) == 1
    assert measured_once(file, "other", one_step, 20, PLAIN, 1) == []  # a step would be more than a twentieth of it
    assert len(asked) == 1


@pytest.mark.parametrize("long_s", [math.inf, 0.0], ids=["short", "long"])
def test_nobody_waits_longer_for_another_than_it_may_look(batch, idle, monkeypatch, tmp_path, long_s):
    monkeypatch.setattr(autotune, "LONG_S", long_s)
    steps = 400
    with FileLock(tmp_path / f"speed-{platform.node()}.lock"):
        began = time.perf_counter()
        (quick,) = measured_once(tmp_path / "speed.json", "key", lambda: (network(), loss_of, batch), steps, PLAIN, 1)
        seconds = time.perf_counter() - began
    waited = seconds > 0.9 * SHARE * steps * quick.quickest_s
    assert waited == (long_s == 0.0), f"{seconds:.2f} s of {steps * quick.quickest_s:.1f}"
    assert not (tmp_path / "speed.json").exists()


def test_who_waited_takes_what_the_other_has_found(batch, idle, monkeypatch, tmp_path):
    monkeypatch.setattr(autotune, "LONG_S", 0.0)
    file, found = tmp_path / "speed.json", measured(LAYOUT, 0.5)
    lock = FileLock(tmp_path / f"speed-{platform.node()}.lock", thread_local=False)
    lock.acquire()

    def ends():
        file.write_text(json.dumps({"key": [asdict(found)]}))
        lock.release()

    ending = threading.Timer(0.5, ends)
    ending.start()
    assert measured_once(file, "key", lambda: (network(), loss_of, batch), 1_000_000, PLAIN, 1) == [found]
    ending.join()


def test_a_way_is_given_up_at_its_first_step_slower_than_the_best(batch):
    found = measure(network(), loss_of, batch, PLAIN, slower_than=1e-9)
    assert "given up: a step took" in found.error


def ends_the_process(one, images):
    os._exit(1)


@pytest.mark.slow
def test_a_process_that_dies_is_a_way_that_does_not_run(batch):
    assert "EOFError" in measure_apart(network(), ends_the_process, batch, PLAIN, 60.0, math.inf).error


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["backbone=mobilenet,efficientnet_b0", "width=0.25,0.5"], 1),
        (["seed=0,1,2", "augmentation=none,light", "resolution=96,128"], 6),
        (["seeds=5", "fold=0,1,2,3,4"], 25),
        (["fold=range(0,5)", "optimizer.lr=0.1,0.01", "batch_size=8,16"], 10),
        (["sweep_name=a b", "fold=0"], 1),
    ],
)
def test_trainings_of_one_shape_are_counted(words, count):
    assert alike(words) == count


def test_a_way_that_does_not_run_says_why(batch):
    def breaks(one, images):
        raise RuntimeError("no such kernel\nand more")

    assert measure(network(), breaks, batch, PLAIN).error == "no such kernel"


@pytest.mark.slow
def test_compiled_steps_compute_the_same(batch):
    plain, compiled = network(), network()
    compiled.load_state_dict(plain.state_dict())
    way = ExecutionMode(compiled="default")
    adopt(compiled, way)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(compiled.eval()(in_layout(batch, way)), plain.eval()(batch), rtol=1e-4, atol=1e-4)
    found = measure(plain, loss_of, batch, way)
    assert found.error == ""
    assert found.setup_s > 10 * found.step_s


@pytest.mark.parametrize("known", [{}, asdict(LOWER)], ids=["new", "begun by one process"])
def test_several_processes_compute_as_the_settings_say(tmp_path, known):
    update_record(tmp_path, lambda _: {"status": "running", "execution": known})
    trainer = {"precision": "32-true", "devices": 1, "num_nodes": 2}
    cfg = OmegaConf.create({"autotune": "auto", "batch_size": 8, "trainer": trainer})
    told = []
    module = SimpleNamespace(compute=lambda way, _: told.append(way))
    assert choose_execution(SimpleNamespace(cfg=cfg, folder=tmp_path), module, None) == PLAIN
    assert told == [PLAIN]
    assert read_record(tmp_path)["execution"]["precision"] == "32-true"
