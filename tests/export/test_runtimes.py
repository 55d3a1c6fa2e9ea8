"""Files of every network and kind in older and newer runtimes; each network makes its files and asks every runtime."""

import numpy as np
import pytest

from benchmarks.runtime_answers import Verdict, answered
from benchmarks.runtime_environments import RUNTIMES, MissingError
from benchmarks.runtimes import judged, make_files, networks, verdict
from benchmarks.trained_runtimes import Answered, held, print_trained
from export import flatbuffer
from tests.export.made import converted, pictures, random_module

OLD = RUNTIMES[0]


def python_of(runtime):
    try:
        return runtime.interpreter()
    except MissingError as error:
        pytest.skip(f"{runtime.name}: {error}")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("network", networks(), ids=str)
def test_a_runtime_answers_alike_or_refuses_the_file(network, tmp_path):
    pythons = {}
    missing = []
    for runtime in RUNTIMES:
        try:
            pythons[runtime.name] = runtime.interpreter()
        except MissingError as error:
            missing.append(f"{runtime.name}: {error}")
    if not pythons:
        pytest.skip("; ".join(missing))
    found = judged(make_files(network, tmp_path), pythons, tmp_path)
    for (kind, name), one in found.items():
        print(f"{kind}, {name}: {one.what}, largest difference of a probability {one.difference:.2g}")
    assert {place: one.why for place, one in found.items() if one.what == "wrong"} == {}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_version_that_a_runtime_does_not_know_is_refused_by_it(tmp_path):
    _, data = converted(random_module("mobilenet", width=0.25, resolution=32), 32)
    model = flatbuffer.unpack(data)
    for operator in flatbuffer.graph(model).operators:
        if flatbuffer.operator_name(model, operator) == "FULLY_CONNECTED":
            model.operatorCodes[operator.opcodeIndex].version = 12
    for name, content in (("as_made", data), ("stamped", flatbuffer.pack(model))):
        (tmp_path / f"{name}.tflite").write_bytes(content)
    np.save(tmp_path / "images.npy", pictures(4, 32))
    files = [tmp_path / "as_made.tflite", tmp_path / "stamped.tflite"]
    found = answered(python_of(OLD), files, tmp_path)
    assert not isinstance(found[files[0]], Verdict)
    assert found[files[1]].what == "refused"
    assert "FULLY_CONNECTED" in found[files[1]].why


def answers(shares, grades=None):
    return {"probabilities": np.asarray(shares), **({} if grades is None else {"grade": np.asarray(grades)})}


def test_what_is_wrong_and_what_rounds():
    rng = np.random.default_rng(0)
    exact = rng.dirichlet(np.ones(4), 200)
    pinned = exact + rng.normal(0, 0.02, exact.shape)
    rounds = exact + rng.normal(0, 0.02, exact.shape)
    wrong = exact[::-1]
    ways = [answers(pinned), answers(exact + rng.normal(0, 0.02, exact.shape))]
    assert verdict(answers(pinned), ways, answers(exact)).what == "agrees"
    assert verdict(answers(rounds), ways, answers(exact)).what == "rounds"
    assert verdict(answers(wrong), ways, answers(exact)).what == "wrong"
    assert verdict(answers(pinned * np.nan), ways, answers(exact)).what == "wrong"
    grades = pinned.argmax(axis=1)
    decoded = [answers(pinned, grades)]
    assert verdict(answers(pinned, grades), decoded, answers(exact, grades)).what == "agrees"
    assert verdict(answers(pinned, 3 - grades), decoded, answers(exact, grades)).what == "wrong"


def test_a_trained_networks_file_is_held_against_the_pinned_runtime(capsys):
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    turned = shares.copy()
    turned[:3] = turned[:3, ::-1]
    alike, difference, kernels, refused = held(answers(turned), answers(shares), answers(turned))
    assert (alike, kernels, refused) == (197 / 200, 1.0, "")
    assert difference == np.abs(turned - shares).max()
    assert held(answers(shares[:, :3]), answers(shares), answers(shares))[0] == 0
    assert held(answers(shares * np.nan), answers(shares), answers(shares))[0] == 0
    assert held(Verdict("wrong", "it crashed"), answers(shares), answers(shares))[0] == 0
    assert np.isnan(held(Verdict("refused", "no such operator"), answers(shares), answers(shares))[0])
    found = [
        Answered("a", "int8", "old", 200, alike, difference, kernels, ""),
        Answered("b", "int8", "old", 100, np.nan, np.nan, np.nan, "no such operator"),
    ]
    print_trained(found, ["old"])
    printed = capsys.readouterr().out
    assert "98.50 %, lowest 98.5 %" in printed
    assert "1 refused" in printed
    assert "refused: int8 by old: no such operator" in printed
    assert "below 99 %: 1 of 1" in printed
