"""kill -9 at random moments of every stage of a grid: every job is done once, nothing is lost, the figures are equal."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from sweeps.records.run_record import find_runs
from tests.commands.test_train import HERE, SMALL, record_of
from tests.drawn import draw_screens

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]
EPOCHS = 10
WORDS = [
    "-m",
    *SMALL,
    "encoding=one_hot,ordinal,coral",
    "seed=0,1",
    f"trainer.max_epochs={EPOCHS}",
    "export=all",
    "latency.host.warmup_runs=1",
    "latency.host.runs=2",
    "quantization=float32,int8_plain",  # int8 chooses layers by milliseconds, which kills lengthen
]
BESIDE = ["hydra/launcher=side_by_side", "hydra.launcher.n_jobs=2"]
STAGES = ("cutting", "training", "checkpointing", "scoring", "export")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    draw_screens(folder / "screens", sources=12, cell_px=160)
    return folder


@pytest.fixture(scope="module")
def undisturbed(place):
    process = begun(place, "undisturbed", [])
    said, complaint = process.communicate(timeout=600)
    assert process.returncode == 0, complaint
    return said


def begun(place, sweep, more):
    line = [sys.executable, "-u", "train.py", *WORDS, *more, f"sweep_name={sweep}", f"paths.runs={place}/runs",
            f"paths.cache={place}/cache-{sweep}", f"datamodule.root={place}/screens"]  # fmt: skip
    return subprocess.Popen(
        line, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )  # fmt: skip


class Watched:
    """What a grid is at, told by the files that it writes."""

    def __init__(self, place: Path, sweep: str) -> None:
        self.cache, self.sweep, self.since = place / f"cache-{sweep}", place / "runs" / sweep, time.time()

    def stages(self) -> set[str]:
        runs = find_runs(self.sweep) if self.sweep.is_dir() else []
        found = {"cutting"} if any(self.cache.rglob(".*.npy")) else set()
        return found.union(*(self.stages_of(run) for run in runs))

    def stages_of(self, run: Path) -> set[str]:
        found = {"checkpointing"} if any((run / "checkpoints").glob(".*.ckpt")) else set()
        if any(self.written(file) for file in (run / "export").glob("*")) and "exports" not in record_of(run):
            found.add("export")
        table = run / "metrics.csv"
        if self.written(table) and record_of(run)["status"] == "running":
            trained = [line for line in table.read_text().splitlines()[1:] if line.partition(",")[0] == str(EPOCHS - 1)]
            found.add("scoring" if trained else "training")
        return found

    def written(self, file: Path) -> bool:
        """In this command's time."""
        try:
            return file.stat().st_mtime > self.since
        except FileNotFoundError:
            return False


def killed_at(process, watched, stage, rng) -> set[str]:
    """Kills it once it is at `stage`; what it was at, empty where it ended before."""
    while process.poll() is None:
        if stage in watched.stages():
            time.sleep(rng.uniform(0, 0.3) if stage in ("training", "scoring", "export") else rng.uniform(0, 0.004))
            at = watched.stages()
            below = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            _, left = psutil.wait_procs(below, timeout=10)  # 5 s on an idle machine
            assert not left, f"they outlive their parent: {left}"
            return at
        time.sleep(0.001)
    return set()


@pytest.mark.parametrize("more", [[], BESIDE], ids=["one after the other", "side by side"])
def test_kills_at_every_stage_lose_nothing(place, undisturbed, more, capsys):
    sweep = "beside" if more else "killed"
    rng = random.Random(len(more))
    seen, said = Counter(), []
    for number in range(30):
        wanted = STAGES if number < 20 else [stage for stage in STAGES if seen[stage] < 3]
        if not wanted:
            break
        stage = wanted[number % len(wanted)]
        watched = Watched(place, sweep)
        if stage == "cutting":
            for array in watched.cache.rglob("*.npy"):
                array.unlink()
        process = begun(place, sweep, more)
        at = killed_at(process, watched, stage, rng)
        out, complaint = process.communicate()
        said.append(out)
        assert process.returncode in (0, -9), complaint
        seen.update(at & set(STAGES))
        with capsys.disabled():
            print(f"kill {number + 1}, waited for {stage}: {', '.join(sorted(at)) or 'the grid was through'}")
    last = begun(place, sweep, more)
    out, complaint = last.communicate(timeout=600)
    assert last.returncode == 0, complaint
    said.append(out)
    assert min(seen[stage] for stage in STAGES) >= 3, seen
    wanted, given = figures(place / "runs" / "undisturbed"), figures(place / "runs" / sweep)
    assert given == wanted
    ended = Counter(
        line.split(": ")[-1] for text in said for line in text.splitlines() if line.startswith("last epoch, ")
    )
    assert not {run: times for run, times in ended.items() if times > 1}  # none was trained to its end twice
    assert not [left for left in (place / "runs" / sweep).rglob(".*.*.*") if left.is_file()]


def figures(sweep: Path) -> dict[str, object]:
    """Of each run, by its configuration: its figures and its files' own."""
    found = {}
    for run in find_runs(sweep):
        record = record_of(run)
        assert record["status"] == "done"
        files = {
            kind: {key: value for key, value in entry.items() if key != "latency"}
            for kind, entry in record["exports"].items()
        }
        history = [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in record["history"]]
        found[record["config_hash"]] = json.dumps([record["metrics"], history, files], sort_keys=True)
    assert len(found) == 6
    return found
