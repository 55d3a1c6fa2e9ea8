import numpy as np
import pandas as pd

from sweeps.records.run_record import update_record
from sweeps.tables.pooled import pooled
from sweeps.tables.runs import axis_columns, collect
from sweeps.tables.sweep_tables import print_table


def add_run(sweep, name, fold, status="done", encoding="one_hot", start="imagenet", right=0.5, error=""):
    rng = np.random.default_rng(fold)
    labels = rng.integers(0, 5, 30)
    grades = np.where(rng.random(30) < right, labels, (labels + 1) % 5)
    axes = {"backbone": "mobilenet", "encoding": encoding, "fold": fold, "seed": 0}
    metrics = {"val/accuracy": right, "val/confusion": [[1]]}
    update_record(sweep / name, lambda _: {"status": status, "axes": axes, "error": error, "metrics": metrics,
                                           "initial_weights": {"origin": start}, "seconds": {"fit": 1.0}, "config": {}, "data": {}})  # fmt: skip
    pd.DataFrame(
        {
            "sample": [f"f{fold}_{i}" for i in range(30)],
            "source_id": [f"s{fold}_{i // 10}" for i in range(30)],
            "group": ["bench" if i % 2 else "hand" for i in range(30)],
            "part": "test",
            "label": labels,
            "grade": grades,
            "probabilities": list(np.eye(5)[grades]),
            "checkpoint": "best",
        }
    ).to_parquet(sweep / name / "predictions.parquet")


def test_one_row_per_run_whatever_its_state(tmp_path):
    add_run(tmp_path, "a", 0)
    add_run(tmp_path, "b", 1, status="failed", error="bad")
    add_run(tmp_path, "c", 2, status="running")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "record.json").write_text("{")
    table = collect(tmp_path).set_index("run")
    assert table.status.to_dict() == {"a": "done", "b": "failed", "c": "interrupted", "d": "unreadable"}
    assert table.error["b"] == "bad"
    assert "d/record.json" in table.error["d"]
    assert table["val/accuracy"]["a"] == 0.5
    assert "val/confusion" not in table


def test_axes_are_the_columns_that_differ(tmp_path):
    add_run(tmp_path, "a", 0)
    add_run(tmp_path, "b", 0, encoding="ordinal")
    assert axis_columns(collect(tmp_path)) == ["backbone", "encoding"]


def test_folds_of_a_point_are_pooled_and_points_kept_apart(tmp_path):
    for fold in range(3):
        add_run(tmp_path, f"a{fold}", fold, right=0.9)
        add_run(tmp_path, f"b{fold}", fold, encoding="ordinal", right=0.3)
    add_run(tmp_path, "alone", 0, encoding="coral")
    table = pooled(tmp_path)
    whole = table[table.group == "all"].set_index("encoding")
    assert set(whole.index) == {"one_hot", "ordinal"}
    assert whole.cells.tolist() == [90, 90]
    assert whole.accuracy["one_hot"] > 0.8 > 0.5 > whole.accuracy["ordinal"]
    assert (whole.accuracy_low < whole.accuracy).all()
    assert (whole.accuracy < whole.accuracy_high).all()
    parts = table[(table.encoding == "one_hot") & (table.group != "all")]
    assert dict(zip(parts.group, parts.cells, strict=True)) == {"bench": 45, "hand": 45}


def test_the_printed_table_says_failures_and_mixed_starts(tmp_path, capsys):
    add_run(tmp_path, "a", 0)
    add_run(tmp_path, "b", 1, status="failed", error="what went wrong", start="random")
    print_table(collect(tmp_path), tmp_path)
    text = capsys.readouterr().out
    assert "failed: b: what went wrong" in text
    assert "they do not compare" in text
    assert (tmp_path / "table.csv").exists()


def test_a_sweep_without_one_readable_record_is_still_a_table(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "record.json").write_text("{")
    print_table(collect(tmp_path), tmp_path)
    text = capsys.readouterr().out
    assert "unreadable: d: " in text
    assert "d/record.json" in text


def test_an_empty_folder_is_said(tmp_path, capsys):
    print_table(collect(tmp_path), tmp_path)
    assert "no runs in" in capsys.readouterr().out
