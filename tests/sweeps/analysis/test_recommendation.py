"""The front, read as what to take for which budget."""

import numpy as np
import pandas as pd
import pytest

from sweeps.analysis.pareto import points
from sweeps.analysis.recommendation import advise
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
