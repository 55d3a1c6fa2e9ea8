"""Beside timings tables and report say the processor, how it multiplies int8, and what a delegate left to the CPU."""

import re

import pandas as pd
import pytest

from sweeps.analysis.pareto import points
from sweeps.records.run_record import find_runs, update_record
from sweeps.report.report import write_report
from sweeps.tables.exported_files import collect_files, devices_in_words
from sweeps.tables.runs import collect
from sweeps.tables.sweep_tables import print_table
from tests.sweeps.made import DEVICE, add_run

WORDS = f"{DEVICE} (Acme AC1000, int8 by dot products)"


@pytest.fixture
def sweep(tmp_path):
    """Two folds; int8's delegate leaves something to the CPU, in one fold more than in the other."""
    for fold, left in enumerate((["PAD"], ["PAD", "SLICE"])):
        folder = add_run(tmp_path / "first", 0.7, fold=fold)
        answers = pd.read_parquet(folder / "predictions.parquet")
        (folder / "export").mkdir()
        pd.concat([answers.assign(file=kind) for kind in ("float32", "int8")]).to_parquet(
            folder / "export" / "predictions.parquet"
        )

        def timed(record, left=left):
            for kind, entry in record["exports"].items():
                about = {"processor": "Acme AC1000", "int8": "dot products", "threads": 1, "delegate": "xnnpack"}
                partial = {"partial": kind == "int8", "cpu_operators": left if kind == "int8" else []}
                entry["latency"] = [one | about | partial for one in entry["latency"]]
            return record

        update_record(folder, timed)
    return tmp_path / "first"


def test_the_terminal_says_where_and_what_was_left(sweep, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")
    print_table(collect(sweep), sweep)
    said = capsys.readouterr().out
    assert f"ms: on {WORDS}" in said
    rows = [re.split(r"\s*│\s*", line) for line in said.splitlines() if "│" in line]
    by_kind = {kind: row for row in rows for kind in ("float32", "int8") if kind in row}
    assert by_kind["int8"][-2] == "PAD, SLICE"
    assert by_kind["float32"][-2] == "nothing"
    files = pd.read_csv(sweep / "files.csv")
    assert set(files.int8) == {"dot products"}
    assert set(files.on_cpu.fillna("")) == {"", "PAD", "PAD, SLICE"}


def test_the_report_says_where_and_what_was_left(sweep):
    table = points(collect_files(sweep), ["width"])
    settings = dict(zip(table.file, table.setting, strict=True))
    assert settings == {"float32": "1 thread, xnnpack", "int8": "1 thread, xnnpack (partial): CPU PAD, SLICE"}
    text = write_report(sweep).read_text()
    assert f"timed on {WORDS}" in text
    assert f"Timed on {WORDS}" in text
    assert '<td class="text wrapped">1 thread, xnnpack (partial): CPU PAD, SLICE</td>' in text
    assert "<td>xnnpack (partial): CPU PAD</td>" in text


def test_a_device_that_older_records_say_less_of_is_one_device(sweep):
    def older(record):
        for entry in record["exports"].values():
            entry["latency"] = [
                {name: value for name, value in one.items() if name != "int8"} for one in entry["latency"]
            ]
        return record

    update_record(find_runs(sweep)[0], older)
    assert devices_in_words(collect_files(sweep)) == {DEVICE: WORDS}
