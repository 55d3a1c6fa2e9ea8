"""What several test files start from."""

import gc
import os
import sys
import zlib

import pytest

from tests.drawn import draw_screens
from tests.warm import ADDRESS, start_server


def pytest_addoption(parser):
    """A third of the tests, for CI: with every commit another one."""
    parser.addoption("--third", type=int, choices=(0, 1, 2), help="of the chosen tests those of every third file")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Keeps the files whose name falls into the wanted third; whole files, for their tests share what they set up."""
    third = config.getoption("--third")
    if third is None:
        return
    kept, left = [], []
    for item in items:
        (kept if zlib.crc32(item.path.name.encode()) % 3 == third else left).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def pytest_configure(config):
    """One thread each, before torch is loaded: workers that share the cores spend most of their time waiting else. And one
    server of warm commands for all workers.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # hundreds of commands would compile the project anew
        sys.dont_write_bytecode = False
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        os.environ[ADDRESS] = start_server()[0]


def pytest_terminal_summary(terminalreporter):
    """What `tests/inputs/test_bad_inputs.py` has counted, of whatever worker."""
    reports = [
        one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ()) if one.when == "call"
    ]
    told = [value for one in reports for name, value in one.user_properties if name == "inputs"]
    if told:
        counts = {name: sum(one.get(name, 0) for one in told) for name in ("kinds tried", "clean", "not clean", "valid neighbours taken")}  # fmt: skip
        seeds = ", ".join(sorted({str(one["seed"]) for one in told}))
        terminalreporter.write_line(
            f"bad inputs, seed {seeds}: {', '.join(f'{count} {name}' for name, count in counts.items())}"
        )


def pytest_collection_finish():
    """What was imported stays: the collector need not look through it a thousand times."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    """At the end all of it goes: extensions tell of what is left."""
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Workers of `-n auto`: one more than there are cores, for a test now and then waits for a page or for a process."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with drawn phone photos in `screens`, for commands that train for real."""
    root = tmp_path_factory.mktemp("place")
    draw_screens(root / "screens")
    return root
