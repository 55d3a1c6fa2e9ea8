"""What an encoder's start and training are worth on steel, and what copies in NEU's own lists do: `make study-steel DATA=<folder of neu_seg>`.

A U-Net on MobileNetV2 at 64 px, `dice_bce`, 16 epochs, the last epoch, on NEU's lists less the images of which a later list has a
copy: the encoder trained or frozen, from ImageNet or random weights; once on as many images of the lists as they are
(`datamodule.keep_copies`), and once on all of these for as many steps (4 epochs); all tested on the same test list. Finished trainings leave rows in steel.csv and are not trained again.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.checkpoint_rules import written
from benchmarks.finished_rows import append_rows, read_rows
from sweeps.records.run_record import find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
SEEDS, EPOCHS = 2, 16
ARMS = {
    "trained, ImageNet": ["backbone.weights=imagenet"],
    "frozen, ImageNet": ["backbone.weights=imagenet", "task.freeze_encoder=true"],
    "trained, random": ["backbone.weights=none"],
    "frozen, random": ["backbone.weights=none", "task.freeze_encoder=true"],
    "trained, ImageNet, copies kept": ["backbone.weights=imagenet", "datamodule.keep_copies=true", "datamodule.most_train={train}"],
    "trained, ImageNet, the lists as they are": ["backbone.weights=imagenet", "datamodule.keep_copies=true", "trainer.max_epochs=4"],
}  # fmt: skip
SETTINGS = [
    "task=segmentation", "datamodule=neu_seg", "augmentation=steel", "encoding=dice_bce", "backbone=mobilenetv2", "resolution=64",
    "batch_size=16", "callbacks.keep_best=false", "autotune=plain", "logger=none",
]  # fmt: skip
Floats = npt.NDArray[np.float64]


def train(arm: str, seed: int, place: Path, images: str, more: list[str]) -> dict[str, str]:
    """One training, by train.py in a folder of its own; its row, Dice of each test image in thousandths."""
    epochs = [] if any("max_epochs" in word for word in ARMS[arm]) else [f"trainer.max_epochs={EPOCHS}"]
    words = [*SETTINGS, *ARMS[arm], *epochs, *more, f"seed={seed}", f"paths.runs={place}", "sweep_name=one"]
    words = [word.format(train=images) for word in words]
    subprocess.run([sys.executable, "train.py", *words], check=True, stdout=subprocess.DEVNULL)
    (folder,) = find_runs(place / "one")
    record, answers = read_record(folder), pd.read_parquet(folder / "predictions.parquet")
    answers = answers[(answers.part == "test") & (answers.checkpoint == "last")].sort_values("sample", kind="stable")
    both, true, given = (np.stack(answers[name].to_list()).astype(float) for name in ("both", "true", "given"))
    found = np.where(true + given > 0, 2 * both / np.maximum(true + given, 1), 1.0).mean(axis=1)
    whole = 2 * both.sum(axis=1) / (true + given).sum(axis=1)  # every image of NEU has a defect
    groups = pd.factorize(answers.source_id)[0]
    parts = {f"{part}_images": str(record["data"]["images"][part]) for part in ("train", "test")}
    shutil.rmtree(place)
    return {
        "arm": arm, "seed": str(seed), **parts, "seconds": f"{record['seconds']['fit']:.0f}",
        "pooled": f"{2 * both.sum() / (true + given).sum():.4f}", "val_pooled": f"{record['metrics']['val/dice_pooled']:.4f}",
        "sources": "+".join(map(str, groups)), "dice": thousandths(found), "whole": thousandths(whole),
    }  # fmt: skip


def thousandths(values: Floats) -> str:
    """Shares in a cell of the csv."""
    return "+".join(f"{1000 * one:.0f}" for one in values)


def shares(text: str) -> Floats:
    """What `thousandths` has written, `(N,)`."""
    return np.array(text.split("+"), float) / 1000


def wanted(rows: list[dict[str, str]]) -> list[tuple[str, int]]:
    """The trainings that are still missing, those of the first seed first."""
    there = {(row["arm"], int(row["seed"])) for row in rows}
    return [(arm, seed) for seed in range(SEEDS) for arm in ARMS if (arm, seed) not in there]


def interval(seeds: Mapping[str, Floats], sources: Floats, repeats: int = 2000) -> tuple[float, float, float]:
    """Mean over images and seeds, and its 95 % interval over sources: copies within the test list are drawn together."""
    rng, values = np.random.default_rng(0), np.mean(list(seeds.values()), axis=0)
    sums, counts = (np.bincount(sources.astype(int), weights) for weights in (values, None))
    draws = rng.integers(len(sums), size=(repeats, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def show(rows: list[dict[str, str]]) -> None:
    """A line for every arm, and what it is less the first one's, by the seeds that both have."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"NEU, test list: {len(rows)} trainings", title_justify="left")
    names = (
        "encoder",
        "seeds",
        "images",
        "Dice by image and class",
        "less the first's",
        "by image",
        "of all pixels",
        "val, of all pixels",
    )
    for name in names:
        table.add_column(name)
    by_arm = {arm: {row["seed"]: row for row in rows if row["arm"] == arm} for arm in ARMS}
    first = next(iter(by_arm.values()))
    for arm, seeds in by_arm.items():
        if not seeds:
            continue
        dice, whole = ({seed: shares(row[name]) for seed, row in seeds.items()} for name in ("dice", "whole"))
        sources = np.array(next(iter(seeds.values()))["sources"].split("+"), float)
        apart = {seed: one - shares(first[seed]["dice"]) for seed, one in dice.items() if seed in first}
        pooled, val = (np.mean([float(row[name]) for row in seeds.values()]) for name in ("pooled", "val_pooled"))
        less = written(interval(apart, sources), sign=True) if apart and seeds is not first else ""
        images = next(iter(seeds.values()))["train_images"]
        table.add_row(
            arm,
            str(len(seeds)),
            images,
            written(interval(dice, sources)),
            less,
            written(interval(whole, sources)),
            f"{pooled:.3f}",
            f"{val:.3f}",
        )
    Console(width=160).print(table)


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder as datamodule=neu_seg reads it")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/steel_encoders"), help="where a training leaves its files"
    )
    parser.add_argument("--most", type=int, default=SEEDS * len(ARMS), help="trainings of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for arm, seed in wanted(read_rows(ROWS))[: given.most if given.root else 0]:
        print(f"{arm}, seed {seed}", file=sys.stderr)
        known = next((row["train_images"] for row in read_rows(ROWS) if row["arm"] == next(iter(ARMS))), "0")
        place, more = given.runs.resolve(), [f"datamodule.root={given.root.resolve()}", *given.more]
        append_rows(ROWS, [train(arm, seed, place, known, more)])
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
