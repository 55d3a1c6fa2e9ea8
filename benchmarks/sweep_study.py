"""A sweep of conf/sweep of which every finished training leaves a row: `make study-sweep SWEEP=wear_focus MORE="seed=0,1,2,3,4"`.

For sweeps that take longer than one sitting, and whose runs are not kept: as many points at once as the machine has cores, rows in
sweep_study.csv after each batch, and what has rows is not trained again. MORE takes words of the command line; those that name
an axis replace its values, the others hold for every training and are part of what its rows are found by, but for places
(`paths.*`, `datamodule.root`, `method.teacher`). Without training, `--show` prints what is known: mean and 95 % by Student's t over seeds.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from benchmarks.finished_rows import append_rows, read_rows
from choices import CONF, ROOT
from cli.train_schema import register
from sweeps.records.run_record import Record, find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
PLACES = ("paths.", "datamodule.root=", "method.teacher=", "hydra")
"""Words that say where or how, not what."""
MOST_DIGITS = 5


@dataclass(frozen=True)
class Point:
    """One training of a sweep: the values of its axes, and the words that hold for all."""

    sweep: str
    values: tuple[str, ...]
    settings: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """What its rows are found by."""
        return self.sweep, " ".join(self.values), " ".join(self.settings)


def points_of(sweep: str, words: Iterable[str]) -> list[Point]:
    """The points of a sweep in its own order, seeds last.

    Args:
        sweep: name of a file of conf/sweep.
        words: overrides of the command line; those with several values are axes, as in `train.py -m`.

    """
    given = [word for word in words if not word.startswith(PLACES)]
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose("train", [f"+sweep={sweep}"], return_hydra_config=True)
    axes = {str(key): str(value) for key, value in (composed.hydra.sweeper.params or {}).items()}
    for one in OverridesParser.create().parse_overrides(given):
        if one.is_sweep_override() or one.key_or_group in axes:
            axes[one.key_or_group] = one.input_line.partition("=")[2]  # type: ignore[union-attr]
    settings = tuple(sorted(word for word in given if word.partition("=")[0] not in axes))
    ordered = sorted(
        axes, key=lambda key: key != "seed"
    )  # the first axis turns slowest: all points of a seed come first
    parsed = OverridesParser.create().parse_overrides([f"{key}={axes[key]}" for key in ordered])
    (batch,) = BasicSweeper.split_arguments(parsed, None)
    return [Point(sweep, tuple(sorted(values)), settings) for values in batch]


def batches_of(points: Iterable[Point], most: int) -> list[list[Point]]:
    """Points that one grid can hold: all alike but for one axis, at most so many."""
    batches: list[list[Point]] = []
    for point in points:
        last = batches[-1] if batches else []
        union = {*(value for one in last for value in one.values), *point.values}
        if last and len(last) < most and len(union) - len(point.values) == len(last):  # one more value for each point
            differ = {
                value.partition("=")[0] for value in union if not all(value in one.values for one in [*last, point])
            }
            if len(differ) == 1:
                last.append(point)
                continue
        batches.append([point])
    return batches


def words_of(batch: list[Point]) -> list[str]:
    """The grid as it is typed, `key=value,value`."""
    values: dict[str, list[str]] = {}
    for word in dict.fromkeys(word for one in batch for word in one.values):
        key, _, value = word.partition("=")
        values.setdefault(key, []).append(value)
    return [*(f"{key}={','.join(several)}" for key, several in values.items()), *batch[0].settings]


def row_of(point: Point, record: Record) -> dict[str, str]:
    """What a finished training came to: every figure of the test and the validation set at the shipped checkpoint."""
    shipped = record["shipped"]["checkpoint"]
    prefix = "val/best/" if shipped == "best" else "val/"
    metrics = {name: value for name, value in record["metrics"].items() if isinstance(value, int | float)}
    figures = {name: value for name, value in metrics.items() if name.startswith("test/") and name.count("/") == 1}
    figures |= {f"val/{name.removeprefix(prefix)}": value for name, value in metrics.items()
                if name.startswith(prefix) and name.removeprefix(prefix).count("/") == 0}  # fmt: skip
    figures |= {f"baseline {name}": value for name, value in record["baseline"].items() if name.startswith("test/")}
    return {
        "sweep": point.sweep, "point": " ".join(point.values), "settings": " ".join(point.settings), "seed": str(record["seed"]),
        "start": record["initial_weights"]["origin"], "teacher": str(record["config"]["method"].get("teacher_sha256", ""))[:8],
        "shipped": shipped, "epochs": str(len(record["history"])), "weights": str(record["weights"]),
        "multiply_adds": str(record.get("multiply_adds", "")), "seconds": f"{record['seconds']['fit']:.0f}",
        "gridlite": record["versions"]["gridlite"], "finished": record["updated"][:10],
        "figures": json.dumps({name: float(f"{value:.{MOST_DIGITS}g}") for name, value in figures.items()}),
    }  # fmt: skip


def train(batch: list[Point], place: Path, words: list[str]) -> list[dict[str, str]]:
    """The trainings of a batch, those of an interrupted call not again; their rows."""
    places = [word for word in words if word.startswith(PLACES)]
    fixed = ["hydra/launcher=side_by_side", "callbacks.keep_best=false", "autotune=plain", "logger=none", "sweep_name=batch", f"paths.runs={place}"]  # fmt: skip
    line = ["train.py", "-m", f"+sweep={batch[0].sweep}", *fixed, *words_of(batch), *places]
    subprocess.run([sys.executable, *line], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    rows = []
    for folder in find_runs(place / "batch"):
        record = read_record(folder)
        own = [point for point in batch if set(point.values) <= {*record["overrides"], f"seed={record['seed']}"}]
        rows += [row_of(point, record) for point in own]
    shutil.rmtree(place / "batch")
    return rows


def missing(points: Iterable[Point], rows: Iterable[Mapping[str, str]]) -> list[Point]:
    """Those that have no row yet."""
    there = {(row["sweep"], row["point"], row["settings"]) for row in rows}
    return [point for point in points if point.key not in there]


def over_seeds(values: Iterable[float]) -> str:
    """Mean and 95 % by Student's t; the value alone where there is one seed."""
    from scipy.stats import t

    found = np.array(list(values))
    if len(found) == 1:
        return f"{found[0]:.4g}"
    half = t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))
    return f"{found.mean():.4g} ± {half:.2g}"


def show(rows: list[dict[str, str]], sweep: str, names: list[str]) -> None:
    """A line for every point, its seeds put together."""
    from rich.console import Console
    from rich.table import Table

    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        if row["sweep"] == sweep:
            values = " ".join(word for word in row["point"].split() if not word.startswith("seed="))
            groups.setdefault((values, row["settings"], row["start"], row["shipped"]), []).append(row)
    table = Table(title=f"{sweep}: {sum(map(len, groups.values()))} trainings", title_justify="left")
    first = json.loads(next(iter(groups.values()))[0]["figures"]) if groups else {}
    names = names or [name for name in first if name.startswith("test/")][:2]
    for head in ("point", "settings", "start", "ships", "seeds", "weights", "seconds", *names):
        table.add_column(head, overflow="fold")
    for (*told, shipped), own in groups.items():
        figures = [json.loads(row["figures"]) for row in own]
        cells = [
            over_seeds(one[name] for one in figures) if all(name in one for one in figures) else "" for name in names
        ]
        seconds = f"{np.median([float(row['seconds']) for row in own]):.0f}"
        table.add_row(*told, shipped, str(len(own)), own[0]["weights"], seconds, *cells)
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def main() -> None:
    """Goes on with the trainings that are missing; then shows what is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", help="name of a sweep of conf/sweep")
    parser.add_argument("--runs", type=Path, default=Path("runs/sweep_study"), help="where trainings leave files")
    parser.add_argument("--at-once", type=int, default=2, help="trainings side by side")
    parser.add_argument("--most", type=int, default=1000, help="batches of this call")
    parser.add_argument("--show", action="store_true", help="train nothing")
    parser.add_argument("--figures", default="", help="columns of the table, test/accuracy,test/macro_f1")
    parser.add_argument("more", nargs="*", help="words of train.py's command line")
    given = parser.parse_intermixed_args()
    if given.sweep not in (sweeps := sorted(path.stem for path in (CONF / "sweep").glob("*.yaml"))):
        parser.error(f"{given.sweep}: no such sweep; want {', '.join(sweeps)}")
    batches = (
        [] if given.show else batches_of(missing(points_of(given.sweep, given.more), read_rows(ROWS)), given.at_once)
    )
    for number, batch in enumerate(batches[: given.most], 1):
        print(f"{number} of {len(batches)}: {'; '.join(' '.join(one.values) for one in batch)}", file=sys.stderr)
        append_rows(ROWS, train(batch, given.runs.resolve() / given.sweep, given.more))
    show(read_rows(ROWS), given.sweep, [name for name in given.figures.split(",") if name])


if __name__ == "__main__":
    main()
