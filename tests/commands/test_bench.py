"""Timing exported files again, on this machine and on a phone, as a person starts it."""

import shutil
import sys

import pytest

from export.latency.selection import files_to_time
from sweeps.records.latency_table import read_table
from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.export.latency.scripted_phone import ScriptedPhone
from tests.export.latency.test_adb import SCRIPT, adb, port  # noqa: F401
from tests.sweeps.made import add_run
from tests.warm import run_plain, run_warm

FILES = ["float32", "int8"]
HOST = ["latency.host.runs=5", "latency.host.warmup_runs=1"]


@pytest.fixture(scope="module")
def sweep(place):
    """A grid of two points whose files have been timed once."""
    run(place, "-m", *SMALL, "encoding=one_hot,ordinal", "trainer.max_epochs=1", "export=all",
        "quantization=[float32,int8]", "sweep_name=bench", check=0)  # fmt: skip
    return place / "runs" / "bench"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Where the table of timings lies: scripted phones belong into nobody's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GRIDLITE_CACHE", str(folder))
        yield folder


def bench(*words, start=run_warm, check=0):
    done = start("-m", "export.latency", *words, env={"OMP_NUM_THREADS": "1"})
    assert done.returncode == check, done.stdout + done.stderr
    return done


def latencies(folder):
    return {name: entry["latency"] for name, entry in record_of(folder)["exports"].items()}


@pytest.mark.slow
def test_the_same_setting_again_replaces_its_entry_and_another_joins_it(sweep, cache):
    folder = find_runs(sweep)[0]
    done = bench(f"run={folder}", *HOST)
    assert done.stderr == ""
    assert all([one["runs"] for one in entries] == [5] for entries in latencies(folder).values())
    bench(f"run={folder}", "files=[int8]", "latency.host.threads=2", *HOST)
    assert [one["threads"] for one in latencies(folder)["int8"]] == [1, 2]
    assert [one["threads"] for one in latencies(folder)["float32"]] == [1]
    told = {(one.kind, one.threads): one for one in read_table(cache)}
    assert told.keys() == {("float32", 1), ("int8", 1), ("int8", 2)}
    assert {one.weights for one in told.values()} == {"trained"}
    assert told["int8", 2].ms == latencies(folder)["int8"][1]["latency_ms_p50"]
    assert told["float32", 1].network == told["int8", 1].network != told["int8", 1].graph


@pytest.mark.slow
def test_a_sweep_stands_for_its_front(sweep):
    on_it = files_to_time(None, str(sweep), "runs", None)
    assert on_it
    before = {folder: latencies(folder) for folder in find_runs(sweep)}
    done = bench(f"pareto_of={sweep}", *HOST, start=run_plain)
    assert done.stderr == ""
    again = [
        (folder, kind)
        for folder, files in before.items()
        for kind, entries in files.items()
        if latencies(folder)[kind] != entries
    ]
    assert sorted(again) == sorted(on_it)  # which files these are is for the clock to say
    assert all(kind in done.stdout for _, kind in on_it)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("adb") is None, reason="needs adb (Debian: apt install adb)")
def test_a_phone_joins_the_host_in_the_record(sweep, port, tmp_path):  # noqa: F811
    folder = find_runs(sweep)[1]
    tool = tmp_path / "benchmark_model"
    tool.write_text(SCRIPT.read_text().replace("/usr/bin/env python3", sys.executable, 1))
    phone = ScriptedPhone(tmp_path / "phone")
    adb("connect", phone.serial, port=port)
    words = [f"run={folder}", "latency=adb", "latency.adb.cooldown_s=0", "latency.adb.max_spread=9",
             "latency.adb.threads=[1,2]", f"latency.adb.benchmark_model={tool}"]  # fmt: skip
    done = bench(*words, f"latency.adb.serial={phone.serial}")
    assert done.stderr == ""
    assert "Acme Scripted 1" in done.stdout
    for entries in latencies(folder).values():
        phones = [(one["delegate"], one["threads"]) for one in entries if one["device"] == "Acme Scripted 1"]
        assert phones == [("xnnpack", 1), ("xnnpack", 2), ("gpu", 1)]
        assert len(entries) == 4
    report = run_warm("-m", "sweeps", "report", sweep)
    assert (report.returncode, report.stderr) == (0, "")
    page = (sweep / "report.html").read_text()
    assert "timed on Acme Scripted 1" in page
    adb("disconnect", phone.serial, port=port)
    phone.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run=nowhere"], "error: nowhere/record.json: no such file: not a run's folder"),
        (["pareto_of=nowhere"], "error: nowhere: no such sweep folder; name one with pareto_of= or a run with run="),
        (["latency=adb", "run={run}"], "error: latency.adb.benchmark_model=<file>: name the binary for the phone"),
        (["run={run}", "files=[int9]"], "error: files=int9: {run} has float32, int8"),
    ],
)
def test_wrong_words_are_named(sweep, words, message):
    folder = find_runs(sweep)[0]
    done = bench(*(word.replace("{run}", str(folder)) for word in words), check=1)
    assert done.stderr.startswith(message.replace("{run}", str(folder)))
    assert done.stdout == ""


def test_a_front_over_seeds_and_odd_settings_names_each_point_once(tmp_path):
    for seed in (0, 1, 2):
        for width in (0.25, 0.5):
            add_run(tmp_path / "study", 0.6 + width + 0.01 * seed, width=width, seed=seed, fold=seed)
    add_run(tmp_path / "study", 0.5, width=0.75, files=("int8",), **{"trainer.max_epochs": 3})
    found = files_to_time(None, str(tmp_path / "study"), "runs", None)
    assert {(folder.name.partition("width-")[2][:4], kind) for folder, kind in found} == {
        ("0.25", "int8"),
        ("0.5+", "int8"),
        ("0.5+", "float32"),
    }
    assert len(found) == 3
    assert all("seed-0" in folder.name for folder, _ in found)


@pytest.mark.slow
def test_files_for_onnx_runtime_are_timed_here_and_left_out_elsewhere(sweep):
    folder = find_runs(sweep)[1]
    made = run_warm("-m", "export", f"run={folder}", "format=[onnx]", *HOST)
    assert made.returncode == 0, made.stdout + made.stderr
    bench(f"run={folder}", "files=[onnx]", *HOST)
    assert [one["runs"] for one in latencies(folder)["onnx"]] == [5]
    done = bench(f"run={folder}", "latency=adb", "files=[onnx]", check=1)
    assert f"{folder.name}: onnx left out of adb: TFLite files alone are taken there" in done.stderr
    assert done.stderr.splitlines()[-1] == "error: adb: takes .tflite files, and none is among these"
