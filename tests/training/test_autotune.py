"""Ways of computing steps: what is measured, what is taken, and that none changes what is learned."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.spec import InitialWeights
from lightning_modules.execution import PLAIN, ExecutionMode, adopt, in_layout
from lightning_modules.networks.classifier import GradeNetwork
from training import autotune
from training.autotune import LONG_S, Measured, best, explore, measure

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


@pytest.fixture
def steps(batch):
    """As many as make a training long, but not long enough to compile."""
    return int(4 * LONG_S / measure(network(), loss_of, batch, PLAIN).step_s)


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
    assert [one.way for one in explore(network(), loss_of, batch, 10)] == [PLAIN]


def test_a_long_training_measures_layout_and_precision(batch, steps, monkeypatch):
    monkeypatch.setattr(
        autotune, "LONG_ENOUGH_TO_COMPILE_S", math.inf
    )  # a slow moment is no reason to compile for minutes
    found = explore(network(), loss_of, batch, steps)
    assert [one.way.precision for one in found] == ["32-true", "32-true", "bf16-mixed"]
    assert [one.way.channels_last for one in found[:2]] == [True, False]
    assert all(one.error == "" and one.step_s > 0 for one in found)
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-3)
    assert found[2].loss == pytest.approx(found[0].loss, rel=0.05)
    asked = explore(network(), loss_of, batch, steps, ExecutionMode(precision="bf16-mixed"))
    assert {one.way.precision for one in asked} == {"bf16-mixed"}


def test_exploring_leaves_network_and_chance_as_they_were(batch, steps):
    torch.manual_seed(3)
    one = network()
    before = {name: value.clone() for name, value in one.state_dict().items()}
    chance = torch.random.get_rng_state()
    assert len(explore(one, loss_of, batch, steps)) == 3
    assert torch.equal(torch.random.get_rng_state(), chance)
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())


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
