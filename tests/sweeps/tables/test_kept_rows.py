"""What a large sweep keeps of its records is what they say."""

from io import BytesIO

import pandas as pd
import pytest
from pyarrow import parquet

from sweeps.records.point_cache import PointCache
from sweeps.records.run_record import Status, update_record
from sweeps.tables import runs
from sweeps.tables.pooled import pooled
from sweeps.tables.runs import read_sweep
from tests.sweeps.made import add_run
from tests.sweeps.tables.test_runs_table import add_run as add_answered_run


@pytest.fixture
def sweep(tmp_path):
    for fold in range(3):
        add_run(tmp_path, 0.7 + 0.05 * fold, fold=fold)
    return tmp_path


def same(one, other):
    for mine, theirs in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)


def test_rows_are_read_again_once_a_record_has_changed(sweep, monkeypatch):
    plain = read_sweep(sweep)
    monkeypatch.setattr(runs, "MANY", 2)
    same(read_sweep(sweep), plain)
    assert (sweep / ".runs.kept").is_file()
    monkeypatch.setattr(runs, "read_run", lambda _: pytest.fail("it was read again"))
    same(read_sweep(sweep), plain)
    monkeypatch.undo()
    monkeypatch.setattr(runs, "MANY", 2)
    first = next(sweep.glob("*/record.json")).parent
    update_record(first, lambda record: record | {"status": Status.RUNNING})
    assert list(read_sweep(sweep)[0].set_index("run").status[[first.name]]) == [Status.INTERRUPTED]
    (sweep / ".runs.kept").write_text("no Parquet")
    assert len(read_sweep(sweep)[0]) == 3


def test_what_somebody_else_has_kept_is_not_read(sweep, monkeypatch):
    monkeypatch.setattr(runs, "MANY", 2)
    plain = read_sweep(sweep)
    path = sweep / ".runs.kept"
    mark, _, data = path.read_bytes().partition(b"\n")
    table = parquet.read_table(BytesIO(data))
    forged = BytesIO()
    names = ["=val/macro_f1" if name.endswith("status") else name for name in table.column_names]
    parquet.write_table(table.rename_columns(names), forged)
    path.write_bytes(mark + b"\n" + forged.getvalue())
    same(read_sweep(sweep), plain)
    cache = PointCache(sweep / ".pooled.kept")
    assert cache.rows(["run"], "", lambda: [{"accuracy": 0.5}]) == [{"accuracy": 0.5}]
    cache.keep()
    (sweep / ".pooled.kept").write_bytes((sweep / ".pooled.kept").read_bytes().replace(b"0.5", b"1.0"))
    assert PointCache(sweep / ".pooled.kept").rows(["run"], "", lambda: [{"accuracy": 0.4}]) == [{"accuracy": 0.4}]


def test_pooled_rows_are_those_of_the_answers_now(tmp_path):
    sweep = tmp_path
    for fold in range(2):
        add_answered_run(sweep, f"run{fold}", fold)
    before = pooled(sweep)
    assert len(before)
    assert (before.accuracy < 1).any()
    pd.testing.assert_frame_equal(pooled(sweep), before, check_dtype=False)
    for table in sweep.glob("*/predictions.parquet"):
        answers = pd.read_parquet(table)
        answers.assign(grade=answers.label).to_parquet(table)
    assert (pooled(sweep).accuracy == 1).all()
