"""Runs whose data have changed since."""

import json
from pathlib import Path

from sweeps.tables.pooled import pooled
from sweeps.tables.runs import read_tables
from sweeps.tables.status import progress
from tests.sweeps.made import add_run


def on_data(run: Path, content: str, read: str, **settings: str) -> Path:
    """Makes the record say what it was trained on."""
    record = json.loads((run / "record.json").read_text())
    record["data"] = record.get("data", {}) | {"content": content, "read": read}
    record.setdefault("config", {})["datamodule"] = {"root": "photos", "fold": record["axes"]["fold"]} | settings
    (run / "record.json").write_text(json.dumps(record))
    return run


def test_folds_of_changed_data_are_neither_pooled_nor_compared(tmp_path) -> None:
    old = [on_data(add_run(tmp_path, 0.9, fold=fold), "before", "2026-01-01T10:00:00") for fold in (0, 1)]
    on_data(add_run(tmp_path, 0.7, fold=2), "after", "2026-01-02T09:00:00")
    on_data(add_run(tmp_path, 0.8, fold=3), "elsewhere", "2025-12-01T09:00:00", root="other photos")
    tables = read_tables(tmp_path)
    status = tables.runs.set_index("fold").status.to_dict()
    assert status == {0: "outdated", 1: "outdated", 2: "done", 3: "done"}
    assert "the same command trains it anew" in tables.runs.error[tables.runs.fold == 0].item()
    assert tables.runs["val/accuracy"][tables.runs.fold < 2].isna().all()
    assert not {run.name for run in old} & set(tables.files.run)
    assert pooled(tmp_path).empty or (pooled(tmp_path).folds < 3).all()
    found = progress(tmp_path)
    assert found.counts == {"outdated": 2, "done": 2}
    assert {name for name, *_ in found.troubled} == {run.name for run in old}


def test_what_older_records_do_not_say_stays(tmp_path) -> None:
    add_run(tmp_path, 0.9, fold=0)
    on_data(add_run(tmp_path, 0.7, fold=1), "after", "2026-01-02")
    assert set(read_tables(tmp_path).runs.status) == {"done"}


def test_trained_anew_they_count_again(tmp_path) -> None:
    first = on_data(add_run(tmp_path, 0.9, fold=0), "before", "2026-01-01")
    on_data(add_run(tmp_path, 0.7, fold=1), "after", "2026-01-02")
    on_data(first, "after", "2026-01-03")
    assert set(read_tables(tmp_path).runs.status) == {"done"}
