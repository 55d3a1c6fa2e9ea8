"""Any sweep can leave rows and go on from them: which points there are, which are trained together, what a row is found by."""

import json

import pytest

from benchmarks import sweep_study
from benchmarks.sweep_study import Point, batches_of, missing, over_seeds, points_of, row_of, show, words_of

RECORD = {
    "seed": 3, "initial_weights": {"origin": "random"}, "config": {"method": {"teacher_sha256": "0123456789ab"}},
    "shipped": {"checkpoint": "last"}, "history": [{}, {}], "weights": 3484, "multiply_adds": 150000, "seconds": {"fit": 12.4},
    "versions": {"gridlite": "abc"}, "updated": "2026-11-30T10:00:00", "baseline": {"answer": "always 1", "test/accuracy": 0.1},
    "metrics": {"test/accuracy": 0.98765432, "test/f1/crack": 0.5, "val/accuracy": 0.97, "val/best/accuracy": 0.98, "train/loss": 0.1},
}  # fmt: skip


def test_axes_are_those_of_the_sweep_with_the_command_s_values():
    points = points_of(
        "wear_focus", ["seed=0,1,2", "trainer.max_epochs=5", "datamodule.root=/elsewhere", "paths.weights=w"]
    )
    assert len(points) == len(set(points)) == 2 * 2 * 3
    assert {point.settings for point in points} == {("trainer.max_epochs=5",)}
    assert [point.values[-1] for point in points] == [f"seed={seed}" for seed in (0, 1, 2) for _ in range(4)]


def test_what_is_no_axis_becomes_one_by_several_values():
    points = points_of("simplenet_kl", ["method.teacher=x", "method.temperature=2.0,4.0"])
    assert len(points) == 10
    assert not any("teacher" in word for point in points for word in (*point.values, *point.settings))


@pytest.mark.parametrize("sweep", ["simplenet", "wear_size", "thin_layers", "steel"])
@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_a_batch_is_a_grid_and_all_points_are_in_one(sweep, at_once):
    points = points_of(sweep, [])
    batches = batches_of(points, at_once)
    assert [point for batch in batches for point in batch] == points
    assert all(len(batch) <= at_once for batch in batches)
    assert at_once == 1 or len(batches) < len(points)
    for batch in batches:
        axes = {word.partition("=")[0]: points_of(sweep, words_of(batch)) for word in words_of(batch)}
        assert {point for found in axes.values() for point in found} == set(batch)


def test_what_has_a_row_is_not_trained_again():
    points = points_of("wear_losses", [])
    row = dict(zip(("sweep", "point", "settings"), points[0].key, strict=True))
    assert missing(points, [row]) == points[1:]
    other = points_of("wear_losses", ["trainer.max_epochs=3"])
    assert missing(other, [row]) == other, "other settings are another training"


def test_a_row_has_the_figures_of_the_checkpoint_that_ships():
    point = Point("simplenet_kl", ("backbone=simplenet_v1",))
    row = row_of(point, RECORD)
    assert json.loads(row["figures"]) == {"test/accuracy": 0.98765, "val/accuracy": 0.97, "baseline test/accuracy": 0.1}
    assert (row["seed"], row["epochs"], row["teacher"], row["seconds"]) == ("3", "2", "01234567", "12")
    best = row_of(point, RECORD | {"shipped": {"checkpoint": "best"}})
    assert json.loads(best["figures"])["val/accuracy"] == 0.98


def test_the_table_puts_seeds_together(capsys):
    points = [Point("wear_losses", ("encoding=l1", f"seed={seed}")) for seed in (0, 1)]
    rows = [row_of(point, RECORD | {"metrics": {"test/mae": 0.1 + 0.02 * seed}}) for seed, point in enumerate(points)]
    show(rows, "wear_losses", ["test/mae"])
    told = capsys.readouterr().out
    assert "wear_losses: 2 trainings" in told
    assert "0.11 ± 0.13" in told  # t of one degree of freedom, 12.7, times 0.0141 / sqrt(2)
    assert over_seeds([0.5]) == "0.5"


def test_a_sweep_that_is_none_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sweep_study", "--show", "wear_focuss"])
    with pytest.raises(SystemExit) as ended:
        sweep_study.main()
    assert ended.value.code == 2
    assert "wear_focuss: no such sweep; want " in capsys.readouterr().err
