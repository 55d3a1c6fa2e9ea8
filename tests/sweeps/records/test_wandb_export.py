"""What W&B is told of a sweep, read back from the files of its offline runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from choices import ROOT
from sweeps.records.run_record import read_record, update_record
from sweeps.records.wandb_export import dashboard, known_run, remember
from tests.sweeps.made import DEVICE, add_run
from tests.sweeps.offline_wandb import read_back

HERE = ROOT


def wandb(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sweeps", "wandb", *words], cwd=HERE, env=os.environ | {"WANDB_MODE": "offline"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sweep = tmp_path_factory.mktemp("runs") / "study"
    add_run(sweep, 0.8, width=0.25)
    add_run(sweep, 0.9, width=0.5, status="failed", error="out of memory")
    return sweep


@pytest.fixture(scope="module")
def said(sweep: Path) -> str:
    done = wandb(str(sweep))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def of(sweep: Path, width: float) -> Path:
    (folder,) = sweep.glob(f"*width-{width}+*")
    return folder


def test_a_run_holds_config_curves_and_files(sweep: Path, said: str) -> None:
    told = read_back(of(sweep, 0.25))
    assert said.startswith(f"2 W&B runs of {sweep}: wandb sync ")
    assert (told["group"], told["exit"]) == ("study", 0)
    assert told["config"]["axes"]["width"] == 0.25
    curve = [step["val/accuracy"] for step in told["history"] if "val/accuracy" in step]
    assert curve == pytest.approx([0.8 * epoch / 3 for epoch in range(4)])
    summary = told["summary"]
    assert summary["final/val/accuracy"] == 0.8
    assert summary["int8/val/accuracy"] == pytest.approx(0.79)
    assert summary["int8/device"] == DEVICE
    assert summary["int8/latency_ms"] == read_record(of(sweep, 0.25))["exports"]["int8"]["latency"][0]["latency_ms_p50"]
    assert summary["files/nrows"] == 2
    assert summary["confusion/val_table/nrows"] == 25
    assert summary["mistakes/_type"] == "image-file"


@pytest.mark.usefixtures("said")
def test_a_failed_job_is_a_failed_run(sweep: Path) -> None:
    told = read_back(of(sweep, 0.5))
    assert told["exit"] == 1
    assert told["summary"]["error"] == "out of memory"


@pytest.mark.slow
@pytest.mark.usefixtures("said")
def test_what_is_measured_later_reaches_the_same_run(sweep: Path) -> None:
    folder = of(sweep, 0.25)

    def timed(record):  # type: ignore[no-untyped-def]
        record["exports"]["int8"]["latency"][0]["latency_ms_p50"] = 123.0
        return record

    update_record(folder, timed)
    assert wandb(str(sweep)).returncode == 0
    told = read_back(folder)
    assert told["ids"] == {known_run(folder)["id"]}
    assert told["summary"]["int8/latency_ms"] == 123.0
    assert sum("val/accuracy" in step for step in told["history"]) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("said")
def test_an_unreadable_record_is_named_and_the_others_go_on(sweep: Path) -> None:
    (sweep / "broken").mkdir()
    (sweep / "broken" / "record.json").write_text("{")
    done = wandb(str(sweep))
    assert done.returncode == 0
    assert "left out: " in done.stdout
    assert "2 W&B runs" in done.stdout


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of wandb-workspaces, which people do not see
def test_the_dashboard_asks_for_figures_that_the_runs_have(sweep: Path, said: str) -> None:
    spec = dashboard("someone")._to_model().model_dump_json(by_alias=True)  # type: ignore[no-untyped-call]
    summary = read_back(of(sweep, 0.25))["summary"]
    for name in ("int8/latency_ms", "int8/val/macro_f1", "int8/agreement"):
        assert name in spec
        assert name in summary


@pytest.mark.slow
def test_a_dashboard_needs_an_owner(sweep: Path, said: str) -> None:
    done = wandb(str(sweep), "--dashboard")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: --dashboard: name whose project it is with --entity <user or team>"


def test_a_server_that_another_user_names_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    folder = tmp_path / "run"
    (folder / "wandb").mkdir(parents=True)
    remember(folder, SimpleNamespace(id="a1", project="gridlite", entity="ours", offline=False))  # type: ignore[arg-type]
    assert known_run(folder)["entity"] == "ours"
    file = folder / "wandb" / "run.json"
    file.write_text(file.read_text().replace("ours", "theirs"))
    assert known_run(folder) == {}
    file.write_text(json.dumps({"id": "a1", "project": "gridlite", "entity": "theirs", "offline": False}))
    assert known_run(folder) == {}
    remember(folder, SimpleNamespace(id="a1", project="gridlite", entity="ours", offline=False))  # type: ignore[arg-type]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "yours"))
    assert known_run(folder) == {}
