"""What balancing is worth on steel where a defect is rare: `make study-steel-rare DATA=<folder of neu_seg>`.

As `benchmarks.steel`, with a twentieth of the train list's images that show one defect: trained on as they are, and with as
many records of each type in an epoch of as many records (`imbalance=balanced`), the steel thesis's remedy in as many steps.
Beside these all images, for what the missing ones were worth. Tested on the whole test list. Finished trainings leave rows in
steel_rare.csv and are not trained again.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from hydra.utils import instantiate
from omegaconf import OmegaConf

from benchmarks.checkpoint_rules import written
from benchmarks.finished_rows import append_rows, read_rows
from benchmarks.steel import EPOCHS, SETTINGS, interval, shares, thousandths
from choices import CONF
from sweeps.records.run_record import find_runs, read_record

ROWS = Path(__file__).with_suffix(".csv")
RARE, SHARE, SEEDS = "scratches", 0.05, 2
ARMS = {"cut": [], "cut, balanced": ["imbalance=balanced"], "all images": []}
Floats = npt.NDArray[np.float64]


def cut_folder(root: Path, place: Path, cache: Path) -> Path:
    """A folder for `datamodule.root` whose lists have no copies in a later one, and whose train list has few images of the rare defect."""
    place.mkdir(parents=True, exist_ok=True)
    for name in ("neu_seg.zip", "images", "masks"):
        if (root / name).exists():
            (place / name).unlink(missing_ok=True)
            (place / name).symlink_to((root / name).resolve())
    settings = OmegaConf.load(CONF / "datamodule" / "neu_seg.yaml")
    table = instantiate(settings, root=str(root), cache=str(cache), fold=0).load().table
    having = np.flatnonzero((table.part == "train") & table[f"class_{RARE}"])
    kept = having[np.linspace(0, len(having) - 1, round(SHARE * len(having))).astype(int)]
    table = table.drop(index=np.setdiff1d(having, kept))
    (place / "splits").mkdir(exist_ok=True)
    for part in ("train", "val", "test"):
        names = [Path(name).stem for name in table[table.part == part]["sample"]]
        (place / "splits" / f"{part}.txt").write_text("\n".join(names) + "\n")
    return place


def train(arm: str, seed: int, place: Path, more: list[str]) -> dict[str, str]:
    """One training, by train.py in a folder of its own; its row, Dice of each test image in thousandths."""
    words = [*SETTINGS, "backbone.weights=imagenet", f"trainer.max_epochs={EPOCHS}", *ARMS[arm], *more, f"seed={seed}"]
    subprocess.run(
        [sys.executable, "train.py", *words, f"paths.runs={place}", "sweep_name=one"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (folder,) = find_runs(place / "one")
    record, answers = read_record(folder), pd.read_parquet(folder / "predictions.parquet")
    answers = answers[(answers.part == "test") & (answers.checkpoint == "last")].sort_values("sample", kind="stable")
    at = record["data"]["class_names"].index(RARE)
    both, true, given = (np.stack(answers[name].to_list()).astype(float) for name in ("both", "true", "given"))
    shutil.rmtree(place)
    return {
        "arm": arm, "seed": str(seed), "train_images": str(record["data"]["images"]["train"]), "seconds": f"{record['seconds']['fit']:.0f}",
        "sources": "+".join(map(str, pd.factorize(answers.source_id)[0])),
        "dice": thousandths(np.where(true + given > 0, 2 * both / np.maximum(true + given, 1), 1.0).mean(axis=1)),
        "rare_both": pixels(both[:, at]), "rare_true": pixels(true[:, at]), "rare_given": pixels(given[:, at]),
    }  # fmt: skip


def pixels(counts: Floats) -> str:
    """Counts in a cell of the csv."""
    return "+".join(f"{one:.0f}" for one in counts)


def rare_dice(
    seeds: list[dict[str, str]], less: list[dict[str, str]] | None = None, repeats: int = 2000
) -> tuple[float, float, float]:
    """Dice of the rare defect over all pixels, mean of the seeds, or what it is more than other rows' of the same seeds; 95 % over sources."""
    rng, sources = np.random.default_rng(0), np.array(seeds[0]["sources"].split("+"), int)
    count = sources.max() + 1
    draws = np.array([np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(repeats)])
    weights = np.concatenate([np.ones((1, count)), draws])  # the first: each source once

    def dice(row: dict[str, str]) -> Floats:
        both, true, given = (weights @ np.bincount(sources, np.array(row[f"rare_{name}"].split("+"), float))
                             for name in ("both", "true", "given"))  # fmt: skip
        return np.asarray(2 * both / np.maximum(true + given, 1))

    found = np.mean([dice(row) for row in seeds], axis=0)
    if less is not None:
        found = found - np.mean([dice(row) for row in less], axis=0)
    low, high = np.percentile(found[1:], [2.5, 97.5])
    return float(found[0]), float(low), float(high)


def wanted(rows: list[dict[str, str]]) -> list[tuple[str, int]]:
    """The trainings that are still missing, those of the first seed first."""
    there = {(row["arm"], int(row["seed"])) for row in rows}
    return [(arm, seed) for seed in range(SEEDS) for arm in ARMS if (arm, seed) not in there]


def show(rows: list[dict[str, str]]) -> None:
    """A line for every arm, and what it is less the first one's."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"NEU, test list, {RARE} cut to {SHARE:.0%} in the train list: {len(rows)} trainings",
        title_justify="left",
    )
    for name in (
        "training set",
        "seeds",
        "images",
        f"Dice of {RARE}",
        "less the first's",
        "by image and class",
        "less the first's",
    ):
        table.add_column(name)
    first = [row for row in rows if row["arm"] == next(iter(ARMS))]
    for arm in ARMS:
        own = [row for row in rows if row["arm"] == arm]
        if not own:
            continue
        both = {row["seed"] for row in own} & {row["seed"] for row in first} if own != first else set()
        ours, theirs = ([row for row in some if row["seed"] in both] for some in (own, first))
        dice = {row["seed"]: shares(row["dice"]) for row in own}
        apart = {row["seed"]: dice[row["seed"]] - shares(row["dice"]) for row in theirs}
        sources = np.array(own[0]["sources"].split("+"), float)
        table.add_row(
            arm, str(len(own)), own[0]["train_images"], written(rare_dice(own)), written(rare_dice(ours, theirs), sign=True) if both else "",
            written(interval(dice, sources)), written(interval(apart, sources), sign=True) if both else "",
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder as datamodule=neu_seg reads it")
    parser.add_argument("--runs", type=Path, default=Path("runs/steel_rare"), help="where a training leaves its files")
    parser.add_argument("--cache", type=Path, default=Path("data/cache"), help="where images are kept")
    parser.add_argument("--most", type=int, default=SEEDS * len(ARMS), help="trainings of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for arm, seed in wanted(read_rows(ROWS))[: given.most if given.root else 0]:
        print(f"{arm}, seed {seed}", file=sys.stderr)
        runs, root = given.runs.resolve(), given.root.resolve()
        if arm.startswith("cut"):
            root = cut_folder(root, runs / "data", given.cache)
        append_rows(
            ROWS,
            [
                train(
                    arm,
                    seed,
                    runs / "training",
                    [f"datamodule.root={root}", f"paths.cache={given.cache.resolve()}", *given.more],
                )
            ],
        )
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
