"""Points of several seeds: means, intervals, what was printed, and how it is drawn."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sweeps.records.run_record import update_record
from sweeps.report.report import write_report
from sweeps.report.svg import HEIGHT, LEFT, TOP, WIDTH, draw_sizes
from sweeps.tables.pooled import pooled
from sweeps.tables.runs import collect
from sweeps.tables.seeds import pooled_over_seeds, repeated, shown_repeats
from sweeps.tables.sweep_tables import print_table
from tests.sweeps.made import add_run

VALUES = [0.980, 0.982, 0.984]


def add(
    sweep, name, seed, value, *, epochs=15, fingerprint="d1", fold=0, weights=3484, task=None, backbone="simplenet_v1"
):
    task = {"temperature": 1.0, "soft_share": 1.0} if task is None else task
    axes = {
        "task": "grading",
        "method": "distillation",
        "backbone": backbone,
        "datamodule": "mnist",
        "seed": seed,
        "fold": fold,
    }
    axes |= {f"method.{key}": str(number) for key, number in task.items()}
    test = {f"test/{key}": value for key in ("accuracy", "macro_f1", "macro_precision", "macro_recall", "f_measure")}
    update_record(
        sweep / name,
        lambda _: {
            "status": "done",
            "axes": axes,
            "initial_weights": {"origin": "random"},
            "config": {"method": task, "trainer": {"max_epochs": epochs}},
            "data": {
                "fingerprint": fingerprint,
                "class_names": ["a", "b"],
                "cells": {"train": [1, 1], "val": [1, 1], "test": [1, 1]},
                "images": {"train": 2, "val": 2, "test": 2},
                "sources": {"train": 2, "val": 2, "test": 2},
            },
            "metrics": {"val/accuracy": value + 0.001, "val/macro_f1": value, **test},
            "history": [
                {"epoch": 0, "seconds": 1.0, "train/accuracy": 0.5, "val/accuracy": value, "val/macro_f1": value}
            ],
            "weights": weights,
            "teacher_weights": 3_274_634,
            "seconds": {"fit": 1.0},
        },
    )


def three(sweep, prefix="one", **others):
    for seed, value in enumerate(VALUES):
        add(sweep, f"{prefix}-{seed}", seed, value, **others)


def test_the_interval_is_students(tmp_path):
    three(tmp_path)
    (row,) = repeated(collect(tmp_path)).to_dict("records")
    half = stats.t.ppf(0.975, 2) * np.std(VALUES, ddof=1) / np.sqrt(3)
    assert (row["runs"], row["part"], row["weights"]) == (3, "test", 3484)
    assert row["accuracy"] == pytest.approx(0.982)
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((0.982 - half, 0.982 + half))
    assert row["compression"] == pytest.approx(0.9989, abs=1e-4)  # as table 2.3 has it
    assert (row["printed"], row["printed_ci95"]) == pytest.approx((0.98046, 0.000633))
    assert shown_repeats(repeated(collect(tmp_path))).accuracy.tolist() == ["98.20 ± 0.50"]


@pytest.mark.parametrize(
    ("task", "printed"),
    [
        ({"temperature": 1.0, "soft_share": 0.0}, 0.97948),
        ({"temperature": 20.0, "soft_share": 1.0}, 0.97703),
        ({"temperature": 2.5, "soft_share": 1.0}, None),
        ({"temperature": "learned", "soft_share": 1.0}, None),
    ],
)
def test_what_was_printed_stands_beside_the_same_point_alone(tmp_path, task, printed):
    three(tmp_path, task=task)
    (row,) = repeated(collect(tmp_path)).to_dict("records")
    assert row.get("printed") == (None if printed is None else pytest.approx(printed))
    assert "Repeated with several seeds" in write_report(tmp_path).read_text()


def test_a_published_temperature_is_another_for_another_network(tmp_path):
    three(tmp_path, backbone="simplenet_v4")
    assert "printed" not in repeated(collect(tmp_path))
    three(tmp_path, "other", backbone="simplenet_v4", task={"temperature": 10.0, "soft_share": 1.0})
    assert repeated(collect(tmp_path)).printed.dropna().tolist() == [pytest.approx(0.9656)]


@pytest.mark.parametrize("difference", [{"epochs": 8}, {"fingerprint": "d2"}, {"fold": 1}])
def test_runs_that_differ_in_more_than_the_seed_are_no_repetition(tmp_path, difference):
    three(tmp_path)
    for seed in (3, 4):
        add(tmp_path, f"two-{seed}", seed, 0.9, **difference)
    assert sorted(repeated(collect(tmp_path)).runs) == [2, 3]


def test_one_seed_is_no_repetition(tmp_path):
    add(tmp_path, "one", 0, 0.9)
    assert repeated(collect(tmp_path)).empty
    assert "Repeated with several seeds" not in write_report(tmp_path).read_text()


def test_sizes_are_drawn_inside_and_the_better_above(tmp_path):
    three(tmp_path)
    for seed, value in enumerate(VALUES):
        add(tmp_path, f"large-{seed}", seed, value - 0.02, weights=6007, backbone="simplenet_v4")
    table = repeated(collect(tmp_path))
    drawn = draw_sizes(table, list(table.backbone), list(table.backbone), "f_measure")
    marks = {mark["label"]: mark for mark in drawn.marks}
    assert marks["simplenet_v1"]["x"] < marks["simplenet_v4"]["x"]
    assert marks["simplenet_v1"]["y"] < marks["simplenet_v4"]["y"]
    assert all(LEFT <= mark["x"] <= WIDTH and TOP <= mark["y"] <= HEIGHT for mark in drawn.marks)
    assert draw_sizes(table.iloc[:1], ["a"], ["a"], "f_measure") is None
    assert isinstance(table, pd.DataFrame)


def test_the_table_of_a_sweep_shows_them_and_writes_them(tmp_path, capsys):
    three(tmp_path)
    print_table(collect(tmp_path), tmp_path)
    said = capsys.readouterr().out
    assert "repeated with several seeds, test set" in said
    assert "98.20 ± 0.50" in said
    assert pd.read_csv(tmp_path / "repeats.csv").runs.tolist() == [3]


def test_folds_are_pooled_before_seeds_are_compared(tmp_path):
    for seed, fold, width in ((s, f, w) for s in range(3) for f in range(2) for w in (0.25, 0.5)):
        folder = add_run(tmp_path / "sweep", 0.5, seed=seed, fold=fold, width=width)
        answers = pd.read_parquet(folder / "predictions.parquet")
        wrong = seed + (fold if width == 0.5 else 0)  # of 25 cells
        grades = np.where(np.arange(25) < wrong, (answers.label + 1) % 5, answers.label)
        answers.assign(grade=grades, sample=[f"{fold}-{at}" for at in range(25)]).to_parquet(
            folder / "predictions.parquet"
        )
    table = pooled_over_seeds(pooled(tmp_path / "sweep"))
    assert table.width.tolist() == [0.25, 0.5]
    assert table.seeds.tolist() == [3, 3]
    assert table.cells.tolist() == [50, 50]
    shares = [1 - 2 * seed / 50 for seed in range(3)]
    half = stats.t.ppf(0.975, 2) * np.std(shares, ddof=1) / np.sqrt(3)
    assert table.accuracy[0] == pytest.approx(np.mean(shares))
    assert (table.accuracy_low[0], table.accuracy_high[0]) == pytest.approx(
        (np.mean(shares) - half, np.mean(shares) + half)
    )
    assert table.accuracy[1] == pytest.approx(np.mean(shares) - 1 / 50)


@pytest.mark.slow
def test_seeds_of_pooled_folds_are_shown(tmp_path, capsys):
    for seed, fold in ((s, f) for s in range(3) for f in range(2)):
        folder = add_run(tmp_path / "sweep", 0.5, seed=seed, fold=fold)
        answers = pd.read_parquet(folder / "predictions.parquet")
        answers.assign(sample=[f"{fold}-{at}" for at in range(25)]).to_parquet(folder / "predictions.parquet")
    print_table(collect(tmp_path / "sweep"), tmp_path / "sweep")
    assert "95 % over seeds" in capsys.readouterr().out
    assert (tmp_path / "sweep" / "pooled_repeats.csv").exists()
    assert "All folds pooled, over seeds" in write_report(tmp_path / "sweep").read_text()


def test_intervals_of_figures_with_a_unit_are_no_shares():
    from metrics.intervals import bootstrap_interval
    from metrics.regression import mae, r2

    true, given = np.array([0.0, 5.0, 10.0] * 2), np.array([10.0, 5.0, -10.0] * 2)
    sources = np.array(["a", "b", "c"] * 2)
    found = bootstrap_interval(true, given, sources, {"mae": mae, "r2": r2})
    assert found["r2"][0] < -1, "no exact binomial interval of a figure that may lie below 0"
    assert found["mae"][1] > 1


def test_one_seed_or_no_folds_have_nothing_to_average(tmp_path):
    assert not len(pooled_over_seeds(pd.DataFrame()))
    for fold in range(2):
        add_run(tmp_path / "sweep", 0.5, fold=fold)
    assert not len(pooled_over_seeds(pooled(tmp_path / "sweep")))
