"""Bad and odd inputs of every command, drawn anew each time: one line names them, and what is right beside them is taken.

Twenty of the kinds, others each time, run always, all of them in `make test-slow`; the seed is printed, GRIDLITE_INPUT_SEED repeats it.
"""

import os
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import pytest

from tests.inputs.replay import CASES, ENV, TRAINED_FIRST, Place, Trial, faults_of, rng_of
from tests.warm import run_warm

KINDS = ("settings", "odd", "table", "set", "neu", "run", "one_run", "command", "import")
for module in KINDS:
    import_module(f"tests.inputs.{module}_cases")

SEED = int(os.environ.get("GRIDLITE_INPUT_SEED", random.SystemRandom().randrange(10**9)))
SOME = rng_of(SEED, "always").sample([one for one in CASES if one.group not in TRAINED_FIRST], 20)
"""Of those that need no trained run, others each time."""


def test_each_kind_is_there_once():
    names = [f"{one.group}: {one.kind}" for one in CASES]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("inputs"))


def tried(one, place, folder, counts, *, neighbours):
    """What is wrong with a case's answers, in words; empty where nothing is."""
    name = f"{one.group}: {one.kind}"
    bad, neighbour = one.make(Trial(place, folder, rng_of(SEED, name)))
    env = ENV | {"GRIDLITE_CACHE": str(folder / "cache")}
    fault = faults_of(bad, run_warm(*bad.words, env=env, timeout=100))
    if not fault and neighbours and neighbour is not None:
        fault = faults_of(neighbour, run_warm(*neighbour.words, env=env, timeout=100))
        counts["valid neighbours taken"] += not fault
    counts["kinds tried"] += 1
    counts["not clean" if fault else "clean"] += 1
    return f"{name}: {fault}" if fault else ""


def test_some_of_the_kinds(place, tmp_path, record_property):
    """The bad ones alone, several at a time."""
    counts = Counter()
    folders = [tmp_path / str(number) for number in range(len(SOME))]
    for one, folder in zip(SOME, folders, strict=True):
        folder.mkdir()
        place.ready(one.group)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda one, folder: tried(one, place, folder, counts, neighbours=False), SOME, folders))
    record_property("inputs", dict(counts) | {"seed": SEED})
    assert [fault for fault in found if fault] == [], f"seed {SEED}"


@pytest.mark.slow
@pytest.mark.parametrize("one", CASES, ids=[f"{one.group}: {one.kind}".replace("/", "-") for one in CASES])
def test_a_bad_input_is_one_line_and_its_valid_neighbour_is_taken(one, place, tmp_path, record_property):
    counts = Counter()
    fault = tried(one, place, tmp_path, counts, neighbours=True)
    record_property("inputs", dict(counts) | {"seed": SEED})
    assert fault == "", f"seed {SEED}"
