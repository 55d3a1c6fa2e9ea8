"""Trained and exported runs that several test files look at: made by the first that asks, copied for each."""

import json
import os
import shutil
from pathlib import Path
from subprocess import CompletedProcess

from filelock import FileLock


def copy_of(factory, make):
    """A folder of one's own with all that `make(place)` has left in its folder, and the commands that it ran.

    Args:
        factory: pytest's `tmp_path_factory`; its workers share what is made.
        make: called with an empty folder, once in a test run; returns its commands, run.

    """
    base = factory.getbasetemp()
    base = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"
    base.mkdir(exist_ok=True)
    place, said = base / make.__name__, base / f"{make.__name__}.json"
    with FileLock(base / f"{make.__name__}.lock"):
        if not said.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            said.write_text(json.dumps([[one.returncode, one.stdout, one.stderr] for one in make(place)]))
    copy = Path(shutil.copytree(place, factory.mktemp(make.__name__) / "place"))
    done = [
        CompletedProcess(make.__name__, *(_moved(one, place, copy) for one in line))
        for line in json.loads(said.read_text())
    ]
    for record in (copy / "runs").rglob("record.json"):
        record.write_text(_moved(record.read_text(), place, copy))
    return copy, done


def _moved(said, place, copy):
    """Text that names the first folder, as it is for the copy."""
    return said.replace(str(place), str(copy)) if isinstance(said, str) else said


def grading(place):
    """Grades of drawn phones: a grid of one point that exports all files as part of its job."""
    from tests.commands.test_train import SMALL, run
    from tests.drawn import draw_screens

    draw_screens(place / "screens")
    return [run(place, "-m", *SMALL, "encoding=ordinal", "export=all", "sweep_name=grid", check=0)]


def segmentation(place):
    """Masks of drawn steel: a grid of one point, then `python -m export`."""
    from tests.commands.test_segmentation_path import LONGER, STEEL
    from tests.commands.test_train import run
    from tests.datamodules.masks.test_mask_samples import draw_steel

    draw_steel(place / "screens", width=96)
    trained = run(place, "-m", *STEEL, *LONGER, "sweep_name=masks", "fold=0", check=0)
    return [trained, _exported(place)]


def marking(place):
    """Masks of drawn phones, cell by cell: a grid of one point that exports a file as part of its job."""
    from tests.commands.test_segmentation_path import STEEL
    from tests.commands.test_train import SMALL, run
    from tests.drawn import draw_masks, draw_screens

    draw_masks(draw_screens(place / "screens"))
    words = [one for one in STEEL if not one.startswith(("datamodule", "augmentation"))]
    own = ["trainer.max_epochs=12", "export=all", "quantization=float32", "sweep_name=marks"]
    return [run(place, "-m", *SMALL, *words, *own, check=0)]


def regression(place):
    """Lengths of drawn bars, then `python -m export`."""
    from tests.commands.test_regression_path import given
    from tests.commands.test_train import run
    from tests.numbered import draw_bars

    draw_bars(place / "bars", count=120, side=32, unit=100.0)
    words = given(place, "trainer.max_epochs=25", "sweep_name=bars", "datamodule.bands=4")
    return [run(place, *words, check=0), _exported(place)]


def _exported(place):
    from tests.warm import run_warm

    (record,) = (place / "runs").rglob("record.json")
    done = run_warm("-m", "export", f"run={record.parent}", "latency.host.runs=3")
    assert done.returncode == 0, done.stderr
    return done
