"""A sweep of ten thousand runs can be looked at: what is read again, and how much memory that takes."""

import pandas as pd
import pytest

from benchmarks.many_records import FOLDS, change_one, make_sweep, measured
from sweeps.records import answers, run_record
from sweeps.report.curves import MOST_CURVES
from sweeps.report.details import MOST_DETAILS
from sweeps.report.report import gather, write_report
from sweeps.tables.foreign_files import FOREIGN, keep_foreign
from sweeps.tables.runs import read_sweep
from sweeps.tables.status import progress
from sweeps.tables.sweep_tables import print_table

MOST_MB = 500
COUNT = 200
KEPT = {".advice.*.kept", ".pooled.kept", ".pooled_files.kept", ".runs.kept", ".status.kept"}


class Reads:
    """How many records and tables of answers were read since it was made."""

    def __init__(self, monkeypatch):
        self.records = self.answers = 0
        parsed, read = run_record._parsed, answers.parquet.ParquetFile

        def counted_record(text):
            self.records += 1
            return parsed(text)

        def counted_answers(path):
            self.answers += 1
            return read(path)

        monkeypatch.setattr(run_record, "_parsed", counted_record)
        monkeypatch.setattr(answers.parquet, "ParquetFile", counted_answers)

    def since(self):
        found = self.records, self.answers
        self.records = self.answers = 0
        return found


def tables(sweep):
    runs, files = read_sweep(sweep)
    print_table(runs, sweep, files)


def check_reads(sweep, reads):
    """Nothing is read twice, and of a change only what it touches."""
    kept = 1  # .runs.kept itself
    progress(sweep)
    tables(sweep)
    write_report(sweep)
    reads.since()
    progress(sweep)
    assert reads.since() == (0, 0)
    tables(sweep)
    assert reads.since() == (0, kept)
    write_report(sweep)
    asking = 1  # whether a person is asked for, one run says
    assert reads.since()[0] <= MOST_CURVES + MOST_DETAILS + FOLDS + asking
    change_one(sweep)
    reads.since()
    progress(sweep)
    assert reads.since() == (1, 0)
    tables(sweep)
    records, opened = reads.since()
    assert records <= 1 + 2 * FOLDS  # its own row, then its point's, pooled with and without files
    assert opened <= kept + 3 * FOLDS


def texts(sweep):
    return {path.name: path.read_bytes() for path in sweep.glob("*.csv")}


@pytest.mark.slow
def test_what_is_kept_of_a_large_sweep_changes_nothing_that_it_says(tmp_path, monkeypatch, capsys):
    make_sweep(tmp_path, COUNT)
    check_reads(tmp_path, Reads(monkeypatch))
    tables(tmp_path)
    kept = texts(tmp_path)
    shown = gather(tmp_path)
    for pattern in KEPT:
        for path in tmp_path.glob(pattern):
            path.write_bytes(b"\x00 no such thing")
    tables(tmp_path)
    assert texts(tmp_path) == kept
    for pattern in KEPT:
        for path in tmp_path.glob(pattern):
            path.unlink()
    monkeypatch.setattr("sweeps.tables.runs.MANY", 1000)
    tables(tmp_path)
    assert texts(tmp_path) == kept
    pd.testing.assert_frame_equal(gather(tmp_path)["pooled"], shown["pooled"], check_dtype=False)
    assert f"the best 60 of {COUNT}; all:" in capsys.readouterr().out


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_read(tmp_path, monkeypatch):
    make_sweep(tmp_path, COUNT)
    before = read_sweep(tmp_path)
    for path in tmp_path.glob(".*"):
        path.unlink()

    def refuse(*_):
        raise PermissionError(13, "no")

    monkeypatch.setattr("sweeps.records.kept_rows.write_own", refuse)
    monkeypatch.setattr("sweeps.records.point_cache.write_own", refuse)
    for mine, theirs in zip(read_sweep(tmp_path), before, strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert progress(tmp_path).counts == {"done": COUNT}
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_a_file_from_elsewhere_stands_beside_what_is_kept(tmp_path):
    make_sweep(tmp_path, COUNT)
    first = next(path for path in sorted(tmp_path.glob("job*")))
    own = run_record.read_record(first)
    entry = dict(own["exports"]["int8"]) | {"axes": {"task": "grading", "fold": 0, "backbone": "foreign theirs"}}
    entry |= {"val/macro_f1": 1.0, "val/accuracy": 1.0}
    given = pd.read_parquet(first / "export" / "predictions.parquet").query("file == 'int8'")
    keep_foreign(tmp_path, "theirs", first.name, entry, given.assign(file=FOREIGN, grade=given.label))
    for _ in range(2):  # what is kept is of the runs alone
        runs, files = read_sweep(tmp_path)
        assert len(runs) == COUNT
        assert list(files[files.file == FOREIGN].run) == [f"foreign/theirs/{first.name}"]
        ((_, advice),) = gather(tmp_path)["advice"]
        (theirs,) = [one for one in advice if one.path == f"foreign/theirs/{first.name}.json"]
        assert (theirs.val, theirs.test, theirs.command) == (1.0, 1.0, "")
    assert "foreign theirs" in write_report(tmp_path).read_text()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_ten_thousand_runs(tmp_path, monkeypatch):
    make_sweep(tmp_path, 10_000)
    for command in ("status", "table", "report"):
        for _ in range(2):
            assert measured(command, tmp_path)[1] < MOST_MB, command
    check_reads(tmp_path, Reads(monkeypatch))
