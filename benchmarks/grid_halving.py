"""What successive halving spares of a grid, and whether the front is still found: `make bench-grid-halving`.

2,500 digits of MNIST, two widths and two resolutions of MobileNet with three rates each: once to the end, once with halving over all points,
once with halving among points of one width and resolution, with the same seed. Every epoch's validation figure is kept in grid_halving.csv; what is there
is not trained again, and a grid that was stopped goes on. Then the same rule, by the same judge, is replayed on the full grid's epochs in
random orders, on one worker and on four: no training, so that other factors can be looked at as well.
"""

import argparse
import heapq
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from optuna.storages import InMemoryStorage

from benchmarks.finished_rows import append_rows, read_rows
from sweeps.records.halving import Bracket
from sweeps.search.halving import HalvingJudge

ROWS = Path(__file__).with_suffix(".csv")
EPOCHS, FIGURE = 9, "val/macro_f1"
GRID = [
    "datamodule=mnist", "datamodule.most_train=1500", "datamodule.held_out=1000", "augmentation=none", "backbone=mobilenet", "backbone.weights=none", "batch_size=32",
    f"trainer.max_epochs={EPOCHS}", "autotune=plain", "trainer.accelerator=cpu", "callbacks.keep_best=false", "budget.ms=1000",
    "width=0.25,0.5", "resolution=32,48",
]  # fmt: skip
"""A budget that every point keeps: for the latency of its untrained int8 file."""
SHAPE = ("width", "resolution")
RULE = Bracket(3, 2, EPOCHS, FIGURE, "max", "", 0)
RATES = "0.001", "0.003", "0.01"
SWEEPS = {
    "full": [f"optimizer.lr={','.join(RATES)}"],
    "halving": [f"optimizer.lr={','.join(RATES)}", *RULE.words.split()],
    "halving_within": [
        f"optimizer.lr={','.join(RATES[::-1])}",
        *RULE.words.split(),
        f"halving.within=[{','.join(SHAPE)}]",
    ],
}
"""The last with the largest rate first: in the other order each is better than those before it, and none is stopped."""
ORDERS = 20
FACTORS, FIRST_EPOCHS, WORKERS = (2, 3, 4), (1, 2, 3), (1, 4)


def train(name: str, place: Path, seed: int) -> None:
    """A grid, or what is left of it, and its rows."""
    sweep = f"{name}_seed{seed}"
    words = [f"paths.runs={place}", f"sweep_name={sweep}", f"seed={seed}"]
    subprocess.run(
        [sys.executable, "train.py", "-m", *GRID, *SWEEPS[name], *words], check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    append_rows(
        ROWS, [row for folder in sorted((place / sweep).glob("*/record.json")) for row in rows_of(name, folder.parent)]
    )


def rows_of(name: str, folder: Path) -> list[dict[str, str]]:
    """A row per epoch of a run; the 95 % interval of the last one's figure stands in all of them, of a run that was stopped none."""
    from metrics.lookup import metrics_of
    from sweeps.records.answers import read_answers
    from sweeps.records.run_record import Status, read_record
    from sweeps.tables.pooled import summary

    record = read_record(folder)
    axes, ends = record["axes"], ("", "")
    if record["status"] == Status.DONE:
        metrics, main = metrics_of(axes["task"]), FIGURE.partition("/")[2]
        answers = read_answers([folder / "predictions.parquet"], metrics.unread, checkpoint=["last"])
        found = summary(answers[answers.part == "val"], metrics, [main])
        ends = (f"{found[f'{main}_low']:.4f}", f"{found[f'{main}_high']:.4f}")
    about = {"sweep": name, "seed": str(record["seed"]), "status": str(record["status"])}
    about |= {key: str(axes[key]) for key in SHAPE} | {"lr": str(axes["optimizer.lr"])}
    about |= {"int8_ms": f"{record['budget']['latency_ms']:.4f}", "low": ends[0], "high": ends[1]}
    return [
        about | {"epoch": str(number + 1), "seconds": f"{epoch['seconds']:.2f}", "macro_f1": f"{epoch[FIGURE]:.4f}"}
        for number, epoch in enumerate(record["history"])
    ]


@dataclass(frozen=True)
class Curve:
    """A point of the full grid."""

    shape: tuple[Any, ...]
    """Values of SHAPE."""
    rate: float
    ms: float
    """Of its untrained int8 file."""
    figures: tuple[float, ...]
    """After each epoch."""
    seconds: tuple[float, ...]
    low: float
    """95 % interval of the last figure, its low end."""


def curves_of(rows: pd.DataFrame) -> dict[str, Curve]:
    """The points of a grid that was trained to its end, by their settings in words, in the order of the grid."""
    found = {}
    for key, some in rows.groupby([*SHAPE, "lr"]):
        first = some.iloc[0]
        name = f"width={key[0]:g} resolution={key[1]} lr={key[2]:g}"
        found[name] = Curve(
            (*key[:2],), float(first.lr), first.int8_ms, tuple(some.macro_f1), tuple(some.seconds), first.low
        )
    return found


def replay(
    curves: Mapping[str, Curve], order: Sequence[str], bracket: Bracket, *, within: bool, workers: int
) -> dict[str, int]:
    """Epochs that each point is trained for, where workers take the points in an order and epochs last as they did; nothing is trained."""
    storage, waiting, trained = InMemoryStorage(), list(order), dict.fromkeys(order, 0)
    busy: list[tuple[float, str, HalvingJudge]] = []

    def take(now: float) -> None:
        if waiting:
            name = waiting.pop(0)
            own = replace(bracket, within=tuple(zip(SHAPE, curves[name].shape, strict=True)) if within else ())
            heapq.heappush(busy, (now + curves[name].seconds[0], name, HalvingJudge(own, name, storage)))

    for _ in range(workers):
        take(0.0)
    while busy:
        now, name, judge = heapq.heappop(busy)
        trained[name] += 1
        known = [{FIGURE: value} for value in curves[name].figures[: trained[name]]]
        if trained[name] == bracket.max_epochs or judge(known):
            take(now)
        else:
            heapq.heappush(busy, (now + curves[name].seconds[trained[name]], name, judge))
    return trained


def front(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """What no other point beats in latency and figure, quick ones first."""
    found: dict[str, Curve] = {}
    for name, curve in sorted(curves.items(), key=lambda one: (one[1].ms, -one[1].figures[-1])):
        if curve.figures[-1] > max((one.figures[-1] for one in found.values()), default=-np.inf):
            found[name] = curve
    return found


def lost(curves: Mapping[str, Curve], kept: Sequence[str]) -> dict[str, float]:
    """Of each point of the full front by how much the best kept one that is as quick stays below it; inf where there is none."""
    left = {name: max((curves[one].figures[-1] for one in kept if curves[one].ms <= curve.ms), default=-np.inf)
            for name, curve in front(curves).items()}  # fmt: skip
    return {name: max(0.0, curves[name].figures[-1] - value) for name, value in left.items()}


def recovered(curves: Mapping[str, Curve], kept: Sequence[str]) -> list[bool]:
    """For each point of the full front whether one as quick was kept whose figure lies within its interval, or above."""
    return [curves[name].figures[-1] - loss >= curves[name].low for name, loss in lost(curves, kept).items()]


def print_trained(rows: pd.DataFrame, curves: Mapping[str, Curve]) -> None:
    """What the grids that were trained have come to, and whether a replay in their order trains as many epochs."""
    full = rows[rows.sweep == "full"]
    names = dict(zip(full.groupby([*SHAPE, "lr"]).groups, curves, strict=True))
    for name, one in front(curves).items():
        print(f"front: {name} {one.figures[-1]:.3f} at {one.ms:.3f} ms")
    for sweep, some in rows.groupby("sweep", sort=False):
        trained = {names[key]: len(group) for key, group in some.groupby([*SHAPE, "lr"])}
        done, hours = sum(count == EPOCHS for count in trained.values()), some.seconds.sum() / full.seconds.sum()
        print(
            f"{sweep!s:14} {done} of {len(curves)} to their end, {outcome(curves, trained)}; hours as they were {hours:.0%}"
        )
        if sweep != "full":
            within = sweep == "halving_within"
            order = sorted(curves, key=lambda name: (curves[name].shape, (-1 if within else 1) * curves[name].rate))
            again = replay(curves, order, RULE, within=within, workers=1)
            print(
                f"{'':14} as replayed: {sum(again[name] == trained[name] for name in curves)} of {len(curves)} points"
            )


def outcome(curves: Mapping[str, Curve], trained: Mapping[str, int]) -> str:
    """Of one grid: shares of epochs and hours, points of the front that are recovered, the most that one lost."""
    kept = [name for name, count in trained.items() if count == EPOCHS]
    epochs, hours = spent(curves, trained)
    found = recovered(curves, kept)
    return f"epochs {epochs:.0%}, hours {hours:.0%}, front {sum(found)} of {len(found)}, most lost {max(lost(curves, kept).values()):.3f}"


def spent(curves: Mapping[str, Curve], trained: Mapping[str, int]) -> tuple[float, float]:
    """Epochs and hours as shares of the full grid's."""
    hours = sum(sum(curves[name].seconds[:count]) for name, count in trained.items())
    return sum(trained.values()) / (EPOCHS * len(curves)), hours / sum(sum(one.seconds) for one in curves.values())


def print_replays(curves: Mapping[str, Curve]) -> None:
    """Over random orders: medians, in brackets the range; then the order of the grid and its reverse."""
    best = max(curves, key=lambda name: curves[name].figures[-1])
    print(f"replayed in {ORDERS} random orders; epochs and hours: median [least, most] of the full grid's")
    for within, factor, start, workers in product((False, True), FACTORS, FIRST_EPOCHS, WORKERS):
        rule = replace(RULE, reduction_factor=factor, min_epochs=start)
        results = []
        for order in range(ORDERS):
            names = list(np.random.default_rng(order).permutation(list(curves)))
            trained = replay(curves, names, rule, within=within, workers=workers)
            kept = [name for name, count in trained.items() if count == EPOCHS]
            found = recovered(curves, kept)
            results.append((*spent(curves, trained), all(found), np.mean(found), best in kept))
        epochs, hours, fronts, points, bests = map(np.array, zip(*results, strict=True))
        print(
            f"{'within shape' if within else 'all points  '} factor {factor} from epoch {start}, {workers} workers: epochs {_spread(epochs)}, hours "
            f"{_spread(hours)}, front {fronts.sum():2} of {ORDERS}, its points {points.mean():.0%}, best point {bests.sum():2} of {ORDERS}"
        )
    for words, names in (("as typed", list(curves)), ("in reverse", list(curves)[::-1])):
        for within in (False, True):
            trained = replay(curves, names, RULE, within=within, workers=1)
            print(f"{words:10} {'within shape' if within else 'all points  '} {RULE.words}: {outcome(curves, trained)}")


def _spread(shares: Any) -> str:
    return f"{np.median(shares):.0%} [{shares.min():.0%}, {shares.max():.0%}]"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--place", type=Path, default=Path("runs/grid_halving"), help="folder of the runs")
    parser.add_argument("--seed", type=int, default=0, help="of the trainings")
    parser.add_argument("--replay", action="store_true", help="train nothing, read what grid_halving.csv has")
    given = parser.parse_args()
    for name in SWEEPS if not given.replay else ():
        if (name, str(given.seed)) not in {(row["sweep"], row["seed"]) for row in read_rows(ROWS)}:
            train(name, given.place.absolute(), given.seed)
    if not ROWS.exists():
        sys.exit(f"error: {ROWS}: no trainings yet; want the command without --replay")
    rows = pd.read_csv(ROWS)
    rows = rows[rows.seed == given.seed]
    curves = curves_of(rows[rows.sweep == "full"])
    print_trained(rows, curves)
    print_replays(curves)


if __name__ == "__main__":
    main()
