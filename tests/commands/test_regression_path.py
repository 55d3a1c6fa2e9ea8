"""From images with numbers to a record, files and predictions, as it is typed."""

import csv
import json

import pandas as pd
import pytest
from PIL import Image

from sweeps.records.run_record import find_runs
from tests.cases import first
from tests.commands.test_train import record_of, run
from tests.trained import copy_of, regression
from tests.warm import run_warm

BARS = [
    "task=regression", "encoding=l1", "datamodule=image_numbers", "datamodule.root=bars", "datamodule.high=100",
    "backbone=thin", "drop_colour=true", "resolution=32", "batch_size=8", "augmentation=none", "optimizer.lr=0.01",
]  # fmt: skip


NAMES = ("numbers.csv", "halves.csv")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return copy_of(tmp_path_factory, regression)


@pytest.fixture(scope="module")
def bars(trained):
    return trained[0]


def given(place, *words):
    return [word.replace("root=bars", f"root={place / 'bars'}") for word in (*BARS, *words)]


@pytest.fixture(scope="module")
def finished(trained):
    place, (done, _) = trained
    (folder,) = find_runs(place / "runs" / "bars")
    return done, folder


def test_a_run_learns_and_its_record_says_how_far_it_is_off(finished):
    done, folder = finished
    record = record_of(folder)
    assert done.stderr == ""
    assert "val/mae " in done.stdout
    metrics = record["metrics"]
    assert metrics["val/mae"] < 0.5 * metrics["val/constant_mae"], "better than always saying the median"
    for name, share in (("beat", 0.9), ("halve", 0.5)):
        assert metrics[f"val/epochs_to_{name}_constant"] == next(
            at for at, row in enumerate(record["history"], 1) if row["val/mae"] < metrics["val/constant_mae"] * share
        )
    best, last = max(record["history"], key=lambda row: row["val/r2"]), record["history"][-1]
    assert metrics["val/best/r2"] == pytest.approx(best["val/r2"], abs=1e-4), (
        "the best epoch's file says what the epoch said"
    )
    assert record["shipped"] == {"checkpoint": "last", "reason": "callbacks.ships=last"}
    assert metrics["val/mae"] == pytest.approx(last["val/mae"], rel=1e-4)
    assert metrics["val/loss"] == pytest.approx(last["val/mae"] / 100, rel=1e-4), "losses are shares of the range"
    bands = metrics["test/per_band"]
    assert sum(bands["support"]) == 24
    shares = [mae * count for mae, count in zip(bands["mae"], bands["support"], strict=True) if count]
    assert sum(shares) / 24 == pytest.approx(metrics["test/mae"])
    answers = pd.read_parquet(folder / "predictions.parquet")
    here = answers[(answers.part == "test") & (answers.checkpoint == "last")]
    assert (here.given_number - here.number).abs().mean() == pytest.approx(metrics["test/mae"])
    errors = [abs(one["given"] - one["number"]) for one in record["mistakes"]]
    assert errors == sorted(errors, reverse=True)
    for name in ("numbers.jpg", "mistakes.jpg", "curves.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 90


@pytest.mark.slow
def test_the_margin_lets_small_errors_pass(bars):
    words = given(bars, "encoding=l1_margin", "encoding.margin=10", "trainer.max_epochs=1", "sweep_name=margin")
    run(bars, *words, check=0)
    (folder,) = find_runs(bars / "runs" / "margin")
    epoch = record_of(folder)["history"][0]
    assert epoch["val/loss"] == 0
    assert epoch["val/mae"] > 0


@pytest.fixture(scope="module")
def exported(trained, finished):
    return trained[1][1], finished[1]


def test_the_four_files_answer_with_numbers(exported):
    done, folder = exported
    assert done.stderr == ""
    assert "val MAE" in done.stdout
    record = record_of(folder)
    assert set(record["exports"]) == {"float32", "float16", "dynamic", "int8"}
    for name, entry in record["exports"].items():
        assert entry["val/mae"] == pytest.approx(record["metrics"]["val/mae"], abs=3), name
        assert entry["test/r2_drop"] == pytest.approx(record["metrics"]["test/r2"] - entry["test/r2"], abs=1e-5)
        assert entry["latency"][0]["latency_ms_p50"] > 0
    float32 = record["exports"]["float32"]
    assert float32["max_probability_difference"] < 1e-4, "of the range"
    assert float32["agreement"] == 1


def test_run_and_file_estimate_a_folder_alike(exported, bars, tmp_path):
    found = []
    for source in (exported[1], exported[1] / "export" / "float32.tflite"):
        path = tmp_path / f"{source.stem}.csv"
        done = run_warm("predict.py", f"run={source}", f"input={bars / 'bars' / 'images'}", f"output={path}", env={})
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("120 numbers from ")
        with path.open(newline="") as file:
            found.append([(row["file"], float(row["number"])) for row in csv.DictReader(file)])
    for (name, by_torch), (other, by_file) in zip(*found, strict=True):
        assert name == other
        assert by_file == pytest.approx(by_torch, abs=0.01)


def test_table_and_report_show_the_numbers(exported):
    sweep = exported[1].parent
    shown = run_warm("-m", "sweeps", "table", str(sweep), env={})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "epochs_to_halve_constant" in shown.stdout
    done = run_warm("-m", "sweeps", "report", str(sweep), env={})
    assert (done.returncode, done.stderr) == (0, "")
    page = (sweep / "report.html").read_text()
    for words in ("R² against latency", "numbers as torch", "true against given numbers", "25 to 50"):
        assert words in page


@pytest.mark.slow
def test_networks_are_tested_on_each_others_data(bars, finished):
    rows = list(csv.DictReader((bars / "bars" / "numbers.csv").read_text().splitlines()))
    halves = [f"{row['image']},{float(row['number']) / 2},{row['source_id']}" for row in rows]
    (bars / "bars" / "halves.csv").write_text("\n".join(["image,number,source_id", *halves]))
    words = given(bars, "trainer.max_epochs=12", "sweep_name=crossing", "datamodule.table=numbers.csv,halves.csv")
    run(bars, "-m", *words, check=0)
    sweep = bars / "runs" / "crossing"
    done = run_warm("-m", "pipelines", "cross", f"folder={sweep}", env={})
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_csv(sweep / "cross.csv").set_index(["trained_on", "tested_on"])
    assert set(table.index) == {(one, other) for one in NAMES for other in NAMES}
    for name in NAMES:
        own = record_of(sweep / table.run[name, name])["metrics"]
        assert table.mae[name, name] == pytest.approx(own["test/mae"], rel=1e-5)
    assert table.mae["numbers.csv", "halves.csv"] > 1.5 * table.mae["halves.csv", "halves.csv"], (
        "it answers twice as much as is right"
    )
    assert "trained on" in done.stdout
    run_warm("-m", "sweeps", "report", str(sweep), env={})
    assert "Trained on one, tested on another" in (sweep / "report.html").read_text()
    for words, wanted in (
        ([f"folder={finished[1].parent}"], "has finished runs on 1 data set; want two or more"),
        (["folder=nowhere"], "folder=nowhere: no such folder"),
        ([f"folder={sweep}", "checkpoint=middle"], "checkpoint=middle: want shipped, best or last"),
    ):
        wrong = run_warm("-m", "pipelines", "cross", *words, env={})
        assert wrong.returncode == (2 if "checkpoint=middle" in words else 1)
        assert wanted in wrong.stderr


@pytest.mark.slow
def test_seeds_are_averaged_in_their_unit(bars, finished):
    sweep = bars / "runs" / "seeds"
    run(bars, "-m", *given(bars, "trainer.max_epochs=2", "sweep_name=seeds", "seed=0,1"), check=0)
    found = [record_of(folder)["metrics"]["test/mae"] for folder in find_runs(sweep)]
    shown = run_warm("-m", "sweeps", "table", str(sweep), env={})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"{sum(found) / 2:.4g} ±" in shown.stdout
    done = run_warm("-m", "sweeps", "report", str(sweep), env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{sum(found) / 2:.4g} ±" in (sweep / "report.html").read_text()


def test_looking_inside_shows_what_makes_the_number_larger(finished, bars):
    image = bars / "bars" / "images" / "bar000.png"
    done = run_warm("-m", "inspection", f"run={finished[1]}", f"image={image}", env={})
    assert (done.returncode, done.stderr) == (0, "")
    (told,) = (finished[1] / "inspection").glob("page-bar000-*.json")
    answer = float(json.loads(told.read_text())["images"][0]["answer"])
    answers = pd.read_parquet(finished[1] / "predictions.parquet")
    assert 0 < answer < 100
    known = answers[(answers["sample"] == "images/bar000.png") & (answers.checkpoint == "last")]
    assert not len(known) or known.given_number.iloc[0] == pytest.approx(answer, rel=1e-3)
    wrong = run_warm("-m", "inspection", f"run={finished[1]}", f"image={image}", "target=large", env={})
    assert wrong.returncode == 1
    assert "target=large: goes with classes" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "wanted"),
    first(3, [
        (["encoding=one_hot"], "encoding=one_hot: takes grades, task=regression has numbers; want encoding=huber, l1, l1_margin, mse"),
        (["task=grading", "encoding=one_hot"], "datamodule=image_numbers: its labels are numbers, task=grading wants grades; want task=regression"),
        (["encoding.low=5", "encoding.high=1"], "encoding.low=5 and encoding.high=1: want low below high"),
        (["datamodule.high=50"], "want 0 to 50 (datamodule.low, datamodule.high)"),
        (["datamodule.column=wear"], "lacks the column wear; it has image, number, source_id"),
        (["num_stacked_seeds=3"], "RegressionModule is not computed in a stack"),
    ]),
)  # fmt: skip
def test_what_does_not_go_together_is_one_line(bars, words, wanted):
    done = run(bars, *given(bars, *words, "trainer.max_epochs=1", "sweep_name=wrong"), check=1)
    assert done.stderr.startswith("error: ")
    assert wanted in done.stderr
    assert done.stderr.count("\n") == 1
