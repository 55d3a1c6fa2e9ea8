"""Which initial weights are worth what on real phones, by the number of phones: `make study-starts PHOTOS=<folder>`.

MobileNet 0.25 at 96 px, from random weights, from the zoo's (trained on rendered phones), from ImageNet's, and from ImageNet's
with a painted copy of every photo; all, half and a quarter of the training phones. Every training takes about as many
steps (45 epochs of all photos), to the end of its schedule, and is scored on the phones of its fold, which nothing chooses by;
five folds are pooled. Finished trainings leave rows in initial_weights.csv and are not trained again.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.checkpoint_rules import FIGURES, intervals, pooled, written
from benchmarks.finished_rows import append_rows, read_rows
from choices import ROOT
from metrics.grading import macro_f1
from sweeps.records.run_record import find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
FIGURE = ROOT / "docs" / "results" / "initial_weights.png"
FOLDS, SEEDS, EPOCHS = 5, 2, 45
SHARES = (1.0, 0.25, 0.5)
"""Of the training phones; the most telling first."""
PAINTED = "imagenet, painted copies"
STARTS = ("random", "zoo", "imagenet", PAINTED)
PAIRS = (("zoo", "random"), ("imagenet", "random"), ("imagenet", "zoo"), (PAINTED, "imagenet"))
SETTINGS = [
    "hydra/launcher=side_by_side", "datamodule=painted_screens", f"datamodule.folds={FOLDS}", "backbone=mobilenet", "width=0.25",
    "resolution=96", "augmentation=heavy", "batch_size=32", "optimizer.lr=0.001", "callbacks.keep_best=false", "autotune=plain",
    "logger=none",
]  # fmt: skip
Block = tuple[int, float, bool]
"""Seed, share of the phones, whether with painted copies."""


def blocks() -> Iterator[Block]:
    """The grids of the study in the order in which they are trained."""
    for seed in range(SEEDS):
        for share in SHARES:
            yield from ((seed, share, False), (seed, share, True))


def words_of(block: Block) -> list[str]:
    """The grid of a block as `train.py -m` is told it."""
    seed, share, painted = block
    epochs = round(EPOCHS / share / (2 if painted else 1))
    weights = "imagenet" if painted else "none,zoo,imagenet"
    return [
        f"sweep_name=seed{seed}_share{round(100 * share)}{'_painted' if painted else ''}", f"seed={seed}",
        f"datamodule.real={share}", f"datamodule.copies={int(painted)}", f"trainer.max_epochs={epochs}",
        f"backbone.weights={weights}", f"fold={','.join(map(str, range(FOLDS)))}",
    ]  # fmt: skip


def row_of(folder: Path, block: Block) -> dict[str, str]:
    """What a finished training answered on the phones of its fold, after its last epoch."""
    seed, share, painted = block
    record = read_record(folder)
    answers = pd.read_parquet(folder / "predictions.parquet")
    answers = answers[(answers.part == "val") & (answers.checkpoint == "last")].sort_values("source_id", kind="stable")
    counts = answers.source_id.value_counts().sort_index()
    return {
        "fold": str(record["config"]["fold"]), "seed": str(seed), "share": str(share),
        "rule": PAINTED if painted else record["initial_weights"]["origin"],
        "per_source": "+".join(map(str, counts)), "labels": "".join(map(str, answers.label)),
        "grades": "".join(map(str, answers.grade)),
    }  # fmt: skip


def train(block: Block, place: Path, more: list[str]) -> list[dict[str, str]]:
    """The trainings of a block, those of an interrupted call not again; their rows."""
    words = [*SETTINGS, *words_of(block), *more, f"paths.runs={place}"]
    subprocess.run([sys.executable, "train.py", "-m", *words], check=True, stdout=subprocess.DEVNULL)
    found = find_runs(place / words_of(block)[0].removeprefix("sweep_name="))
    return [row_of(folder, block) for folder in found]


def missing(rows: list[dict[str, str]]) -> list[Block]:
    """The blocks that lack a training."""
    there = {(int(row["seed"]), float(row["share"]), row["rule"] == PAINTED) for row in rows}
    return [block for block in blocks() if block not in there]


def show(rows: list[dict[str, str]]) -> None:
    """A line for every start and share of the phones; then differences on the same seeds and draws."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"real phones: {len(rows)} trainings", title_justify="left")
    apart = Table(title="differences", title_justify="left")
    for one in (table, apart):
        for name in ("phones", "start", "seeds", *FIGURES):
            one.add_column(name)
    for share in sorted(SHARES):
        known = pooled([row for row in rows if float(row["share"]) == share])
        for start in (start for start in STARTS if start in known):
            found = intervals(known[start])
            table.add_row(f"{share:.0%}", start, str(len(known[start])), *(written(found[name]) for name in FIGURES))
        for start, other in PAIRS:
            shared = {seed: one for seed, one in known.get(start, {}).items() if seed in known.get(other, {})}
            if shared:
                found = intervals(shared, known[other])
                figures = (written(found[name], sign=True) for name in FIGURES)
                apart.add_row(f"{share:.0%}", f"{start} less {other}", str(len(shared)), *figures)
    for one in (table, apart):
        Console(width=160).print(one)


def draw(rows: list[dict[str, str]], path: Path) -> None:
    """Macro F1 with its interval over the share of the phones, a line for every start; the majority baseline dashed."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.8, 4.6), layout="constrained")
    labels: npt.NDArray[np.int64] = np.zeros(0, np.int64)
    for at, start in enumerate(STARTS):
        points = []
        for share in sorted(SHARES):
            known = pooled([row for row in rows if float(row["share"]) == share])
            if start in known:
                points.append((100 * share * 1.03 ** (at - 1.5), *intervals(known[start])["macro F1"]))
                labels = next(iter(known[start].values()))[0]
        if points:
            x, mean, low, high = np.array(points).T
            axes.errorbar(
                x,
                mean,
                yerr=[mean - low, high - mean],
                marker="o",
                capsize=3,
                label=start.replace("imagenet", "ImageNet"),
            )
    axes.axhline(macro_f1(labels, np.zeros_like(labels)), color="grey", linestyle="--", label="always no damage")
    axes.set_xscale("log")
    axes.set_xticks([25, 50, 100], ["25 %", "50 %", "100 %"])
    axes.minorticks_off()
    axes.set(
        xlabel="share of the phones that are trained on",
        ylabel="macro F1, five folds pooled, 95 % over phones",
        ylim=(0, 1),
    )
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=130)
    print(f"figure: {path}")


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument("--runs", type=Path, default=Path("runs/initial_weights"), help="where trainings leave files")
    parser.add_argument("--most", type=int, default=2 * SEEDS * len(SHARES), help="blocks of this call")
    parser.add_argument("--figure", action="store_true", help=f"draw {FIGURE.relative_to(ROOT)} from the rows")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for block in missing(read_rows(ROWS))[: given.most if given.photos else 0]:
        seed, share, painted = block
        print(f"seed {seed}, {share:.0%} of the phones{', painted copies' if painted else ''}", file=sys.stderr)
        place = given.runs.resolve()
        rows = train(block, place, [f"datamodule.root={given.photos.resolve()}", *given.more])
        append_rows(ROWS, rows)
        shutil.rmtree(place / words_of(block)[0].removeprefix("sweep_name="))
    show(read_rows(ROWS))
    if given.figure:
        draw(read_rows(ROWS), FIGURE)


if __name__ == "__main__":
    main()
