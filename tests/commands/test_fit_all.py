"""A method chosen over folds, trained once more on all data."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from export.runtime import read_file
from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.drawn import draw_screens


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    draw_screens(folder / "screens")
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit=al"], "error: fit=al: want fold, all or ensemble"),
        (
            ["fit=ensemble"],
            "error: fit=ensemble: of 3 folds 0, 1, 2 have not been trained with these settings on the data as it is",
        ),
        (
            ["fit=ensemble", "encoding=coral"],
            "error: fit=ensemble: encoding=coral has weights of its own in every fold",
        ),
        (
            ["fit=all"],
            "error: fit=all: of 3 folds 0, 1, 2 have not been trained with these settings on the data as it is",
        ),
        (["fit=all", "num_stacked_seeds=2"], "error: fit=all: is one network in one process"),
        (["fit=all", "method=distillation", "method.teacher=x"], "error: fit=all: a teacher has been tested on some"),
    ],
)
def test_what_cannot_be_trained_on_all_data(place, words, message) -> None:
    done = run(place, *SMALL, *words, check=1)
    assert message in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_data_as_the_folds_were(place) -> None:
    run(place, "-m", *SMALL, "fold=0,1", "sweep_name=chosen", "export=all", "quantization=[float32,int8]", check=0)
    missing = run(place, *SMALL, "fit=all", "sweep_name=whole", check=1)
    assert "of 3 folds 2 has not been trained" in missing.stderr
    assert "fold=2 in place of fit=all trains it" in missing.stderr
    run(place, *SMALL, "fold=2", "sweep_name=chosen", "export=all", "quantization=[float32,int8]", check=0)
    run(place, "-m", *SMALL, "fold=0,1,2", "sweep_name=chosen", "encoding=ordinal", check=0)  # a rival

    done = run(place, *SMALL, "fit=all", "sweep_name=whole", "export=all", check=0)
    assert done.stderr == ""
    (folder,) = find_runs(place / "runs" / "whole")
    record = record_of(folder)
    assert record["whole_fit"]["epochs"] == 2
    assert len(record["whole_fit"]["folds"]) == 3
    assert record["data"]["images"].keys() == {"train"}
    assert record["expected"]["methods"] == 2
    assert record["expected"]["sources"] == len(set(record["data"]["sources"])) + record["data"]["sources"]["train"] - 1
    assert not any(name.startswith(("val/", "test/")) for name in record["metrics"])
    assert f"to be expected: macro F1 {record['expected']['figures']['macro_f1'][0]:.3f} [" in done.stdout
    assert "corrected for a choice among 2 methods" in done.stdout

    for kind, of in (("float32", "float32"), ("int8", "int8"), ("float16", "torch")):  # no fold has a float16 file
        entry = record["exports"][kind]
        assert entry["expected"]["file"] == of
        assert entry["agreement"] > (
            0.99 if kind == "float32" else 0.7
        )  # two epochs leave many answers near a threshold
        assert not any(name.startswith(("train/", "val/", "test/")) for name in entry)
        assert read_file(folder / entry["path"])[1]["expected"] == entry["expected"]

    again = run(place, *SMALL, "fit=all", "sweep_name=whole", "export=all", check=0)
    assert "done before" in again.stdout
    the_folds_as_one(place)
    for words in (["table"], ["report"]):
        assert run_sweeps(place, *words, "whole").returncode == 0
    cells = place / "screens" / "cells.csv"
    first, line, *lines = cells.read_text().splitlines()
    cells.write_text("\n".join([first, f"{line[:-1]}{(int(line[-1]) + 1) % 5}", *lines, ""]))
    later = run(
        place, *SMALL, "fit=all", "sweep_name=later", check=1
    )  # what folds of other labels gave is not promised
    assert "of 3 folds 0, 1, 2 have not been trained with these settings on the data as it is" in later.stderr


def the_folds_as_one(place) -> None:
    done = run(place, *SMALL, "fit=ensemble", "sweep_name=whole", "export=all", "quantization=[float32,int8]", check=0)
    assert done.stderr == ""
    (folder,) = [one for one in find_runs(place / "runs" / "whole") if record_of(one)["config"]["fit"] == "ensemble"]
    record = record_of(folder)
    assert "the networks of 3 folds as one, to be expected: macro F1" in done.stdout
    assert "each of its 3 networks alone" in done.stdout
    members = [place / "runs" / name for name in record["whole_fit"]["folds"]]
    assert record["weights"] == sum(record_of(one)["weights"] for one in members)
    answers = []
    for at, given in enumerate([folder / "export" / "float32.tflite", *members]):
        table = place / f"answers{at}.csv"
        line = [sys.executable, "predict.py", f"run={given}", f"input={place / 'screens'}", f"output={table}"]
        subprocess.run(line, check=True, capture_output=True)
        frame = pd.read_csv(table)
        answers.append(frame[[name for name in frame if name.startswith("p_")]].to_numpy())
    np.testing.assert_allclose(answers[0], np.mean(answers[1:], axis=0), atol=2e-3)
    assert record["exports"]["float32"]["agreement"] > 0.99
    assert record["exports"]["int8"]["agreement"] > 0.7


def run_sweeps(place, *words):

    line = [sys.executable, "-m", "sweeps", words[0], str(place / "runs" / words[1])]
    return subprocess.run(line, capture_output=True, text=True, check=False)
