"""The front, read as what to take for which budget."""

import json

import numpy as np
import pandas as pd
import pytest

from sweeps.analysis.pareto import points
from sweeps.analysis.recommendation import advise, advised_kind
from sweeps.records.run_record import read_record
from sweeps.tables.exported_files import collect_files
from tests.sweeps.made import add_run

AXES = ["width"]


def made(tmp_path, answered=()):
    for width, accuracy in ((0.25, 0.5), (0.5, 0.7), (0.75, 0.65)):
        for fold in (0, 1):
            run = add_run(tmp_path, accuracy + fold / 100, width=width, fold=fold)
            (run / "export").mkdir(exist_ok=True)
            rows = [
                {
                    "file": file,
                    "part": part,
                    "label": 0,
                    "grade": int(number < (3 if fold else 1)),
                    "source_id": f"s{number}",
                }
                for file in ("float32", "int8")
                for part in ("val", "test")
                for number in range(10)
            ]
            pd.DataFrame(rows).to_parquet(run / "export" / "predictions.parquet")
    files = collect_files(tmp_path)
    table = points(files, AXES)
    table["name"] = [f"{row.width} {row.file}" for row in table.itertuples()]
    return advise(tmp_path, table, files, AXES)


def test_every_budget_gets_its_file(tmp_path):
    found = made(tmp_path)
    assert [one.name for one in found] == ["0.25 int8", "0.5 int8", "0.5 float32"]
    assert [one.latency_ms for one in found] == sorted(one.latency_ms for one in found)
    assert [one.val for one in found] == sorted(one.val for one in found)
    assert all("fold-1" in one.path and one.path.endswith(f"/export/{one.name.split()[1]}.tflite") for one in found)


def test_the_test_part_of_all_runs_is_told_with_an_interval(tmp_path):
    (first, *_) = made(tmp_path)
    assert first.images == 20
    assert first.test == pytest.approx((2 * 16 / 36 + 0) / 2), "macro F1: of two classes the wrong one has none"
    assert 0.3 < first.low < first.test < first.high <= 1


def test_without_a_test_part_nothing_is_claimed(tmp_path):
    add_run(tmp_path, 0.7)
    files = collect_files(tmp_path)
    table = points(files, AXES).assign(name="x")
    (one, *_) = advise(tmp_path, table, files, AXES)
    assert one.test is None
    assert np.isnan(one.low)


def edited(run, kind, **values):
    path = run / "record.json"
    record = json.loads(path.read_text())
    record["exports"][kind] |= values
    path.write_text(json.dumps(record))


def slow(factor, entry):
    return [one | {"latency_ms_p50": one["latency_ms_p50"] * factor} for one in entry["latency"]]


def front(tmp_path):
    table = points(collect_files(tmp_path), AXES)
    return {row.file: (bool(row.front), row.left_out) for row in table.itertuples()}


def test_a_marked_file_is_not_on_the_front_nor_advised(tmp_path):
    run = add_run(tmp_path, 0.7)
    edited(run, "int8", marked="loses 4.0 points of val accuracy against torch")
    assert front(tmp_path) == {"int8": (False, "loses 4.0 points of val accuracy against torch"), "float32": (True, "")}
    assert advised_kind(read_record(run)) == "float32"


@pytest.mark.parametrize(("macro_f1", "taken"), [(0.69, False), (0.705, False), (0.72, True)])
def test_a_file_slower_than_float32_is_taken_only_for_more(tmp_path, macro_f1, taken):
    run = add_run(tmp_path, 0.7)
    entry = read_record(run)["exports"]["int8"]
    edited(run, "int8", latency=slow(9, entry), **{"val/macro_f1": macro_f1})
    on, reason = front(tmp_path)["int8"]
    assert on == taken
    assert bool(reason) != taken
    assert advised_kind(read_record(run)) == "float32"


def test_the_faster_file_is_advised_and_without_timings_int8(tmp_path):
    run = add_run(tmp_path, 0.7)
    assert advised_kind(read_record(run)) == "int8"
    for kind in ("int8", "float32"):
        edited(run, kind, latency=[])
    assert advised_kind(read_record(run)) == "int8"
    edited(run, "int8", marked="loses")
    assert advised_kind(read_record(run)) == "float32"
    assert advised_kind(read_record(add_run(tmp_path, 0.7, files=(), width=1.0))) is None


def test_of_a_network_without_a_validation_set_the_fastest_sound_file_is_taken(tmp_path):
    run = add_run(tmp_path / "study", 0.8)
    record = read_record(run)
    for entry in record["exports"].values():
        for name in [one for one in entry if one.startswith("val/")]:
            del entry[name]
    record["exports"]["int8"]["marked"] = ""
    assert advised_kind(record) == "int8"  # twice as fast
    record["exports"]["int8"]["marked"] = "answers 4.0 % unlike torch"
    assert advised_kind(record) == "float32"


def test_a_kind_made_for_an_easy_fold_alone_is_not_held_against_all_folds(tmp_path):
    for fold, macro_f1 in enumerate((0.8, 0.5, 0.6)):
        add_run(tmp_path, macro_f1, fold=fold, files=("float32", "int8") if fold == 0 else ("float32",))
    assert front(tmp_path) == {
        "int8": (False, "made for 1 of 3 runs: means of different runs do not compare"),
        "float32": (True, ""),
    }


def test_a_network_of_fewer_folds_is_not_held_against_those_of_all(tmp_path):
    for fold, macro_f1 in enumerate((0.8, 0.5, 0.6)):
        add_run(tmp_path, macro_f1, fold=fold)
        if fold != 1:
            add_run(tmp_path, macro_f1 + 0.05, fold=fold, width=1.0)
    table = points(collect_files(tmp_path), AXES)
    assert {*table[table.front].width} == {0.5}
    assert {*table[table.width == 1.0].left_out} == {"scored on folds 0, 2, others on folds 0, 1, 2"}


def test_a_kind_made_for_all_folds_and_timed_for_one_is_worth_its_mean_over_all(tmp_path):
    for fold, macro_f1 in enumerate((0.8, 0.5, 0.6)):
        run = add_run(tmp_path, macro_f1, fold=fold)
        if fold:
            for kind in ("float32", "int8"):
                edited(run, kind, latency=[])
    table = points(collect_files(tmp_path), AXES)
    timed = table[table.latency_ms.notna()].set_index("file")
    assert timed.loc["float32", "val/macro_f1"] == pytest.approx(1.9 / 3)
    assert (timed.left_out == "").all()
