"""Which epoch should ship: every rule read off the same trainings. `make study-checkpoints PHOTOS=<folder>`.

Outer folds by phone are the test set, which nothing chooses by; of the other phones a quarter is the validation set that
rules may look at. After each epoch the network, and a running average of its weights, answer both; after the last one the
averages of the last few epochs' weights do (Izmailov et al. 2018), with batch normalisation measured anew. Rows of
finished trainings lie in checkpoint_rules.csv beside this file: the same command goes on with what is missing, and without
PHOTOS prints what is there.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.finished_rows import append_rows, read_rows
from metrics.grading import macro_f1, missed_damage

ROWS = Path(__file__).with_suffix(".csv")
OUTER, INNER, SEEDS, EPOCHS = 5, 4, 3, 20
DECAY = 0.99
"""Of the running average at each step: it forgets in some hundred steps, four epochs of these photos."""
AVERAGED = (3, 5, 10)
"""Last epochs whose weights are averaged."""
SETTINGS = [
    "datamodule=phone_photos", f"datamodule.folds={OUTER}", f"datamodule.val_folds={INNER}", "backbone=mobilenet", "width=0.5",
    "resolution=160", f"trainer.max_epochs={EPOCHS}", "backbone.weights=imagenet", "autotune=plain",
]  # fmt: skip
Grades = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Answer:
    """Grades of the validation and the test set, `(V,)` and `(T,)`, and the loss of the former."""

    val: Grades
    test: Grades
    val_loss: float


def choices(epochs: list[Answer], val_labels: Grades) -> dict[str, int]:
    """The epoch that each rule takes, the first of equal ones."""
    accuracy = [float(np.mean(one.val == val_labels)) for one in epochs]
    return {
        "best val/accuracy": int(np.argmax(accuracy)),
        "best val/macro_f1": int(np.argmax([macro_f1(val_labels, one.val) for one in epochs])),
        "best val/loss": int(np.argmin([one.val_loss for one in epochs])),
        "last": len(epochs) - 1,
    }


def composed(words: Sequence[str]) -> Any:
    """The job of one training, of the words of a command."""
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    from choices import CONF
    from cli.train_schema import register
    from jobs.job import make_job

    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", [*words, "logger=none"], return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg.hydra
    job = make_job(cfg)
    if job.problem is not None:
        raise SystemExit(f"error: {job.problem}")
    return job


def train(fold: int, seed: int, root: Path, place: Path, more: Sequence[str]) -> list[dict[str, Any]]:
    """One training; a row for every rule."""
    import torch
    from pytorch_lightning.callbacks import Callback
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

    from jobs.run_state import samples_of
    from lightning_modules.inference import grade_images
    from training.build import build_parts
    from training.trainer import History, build_trainer, seed_everything

    words = [f"fold={fold}", f"seed={seed}", f"datamodule.root={root}", f"paths.runs={place}"]
    job = composed([*SETTINGS, *more, *words])
    samples = samples_of(job)
    seed_everything(seed)
    module, data = build_parts(job, samples)
    labels = {part: samples.table.label[samples.table.part == part].to_numpy() for part in ("val", "test")}

    def answer(network: Any) -> Answer:
        was, module.network = module.network, network
        training = module.training
        found = {part: grade_images(module, (one.images for one in data.part_dataloader(part))) for part in labels}
        module.network = was
        module.train(training)
        chances = found["val"][1][np.arange(len(labels["val"])), labels["val"]]
        return Answer(found["val"][0], found["test"][0], float(-np.log(np.maximum(chances, 1e-12)).mean()))

    class Kept(Callback):
        """Answers and weights of every epoch, and the running average of all steps."""

        def __init__(self) -> None:
            self.epochs: list[Answer] = []
            self.running: list[Answer] = []
            self.weights: list[dict[str, torch.Tensor]] = []
            average = get_ema_multi_avg_fn(DECAY)  # type: ignore[no-untyped-call]
            self.average = AveragedModel(module.network, multi_avg_fn=average, use_buffers=True)

        def on_train_batch_end(self, *_: Any) -> None:
            self.average.update_parameters(module.network)

        def on_validation_epoch_end(self, *_: Any) -> None:
            self.epochs.append(answer(module.network))
            self.running.append(answer(self.average.module))
            self.weights.append(deepcopy(module.network.state_dict()))

    kept = Kept()
    trainer = build_trainer(job, History(), None, "32-true")
    trainer.callbacks.append(kept)  # type: ignore[attr-defined]
    trainer.fit(module, data)

    def averaged(count: int) -> Answer:
        network = deepcopy(module.network)
        state = {
            name: torch.stack([one[name].double() for one in kept.weights[-count:]]).mean(0).to(value.dtype)
            for name, value in network.state_dict().items()
        }
        network.load_state_dict(state)
        update_bn((batch.images for batch in data.train_dataloader()), network)
        return answer(network)

    taken = choices(kept.epochs, labels["val"])
    given = {rule: (at, kept.epochs[at].test) for rule, at in taken.items()}
    given |= {
        f"running average, {rule}": (at, kept.running[at].test)
        for rule, at in choices(kept.running, labels["val"]).items()
    }
    given |= {f"average of the last {count}": (EPOCHS - 1, averaged(count).test) for count in AVERAGED}
    table = samples.table[samples.table.part == "test"].reset_index(drop=True)
    order = table.sort_values("source_id", kind="stable").index.to_numpy()
    counts = table.source_id.value_counts().sort_index()
    parts = {part: samples.table.label[samples.table.part == part].nunique() for part in ("val", "train")}
    return [
        {"data": "phones", "fold": fold, "seed": seed, "rule": rule, "epoch": at, "val_classes": parts["val"],
         "train_classes": parts["train"], "per_source": "+".join(map(str, counts)), "labels": _digits(labels["test"][order]),
         "grades": _digits(grades[order])}
        for rule, (at, grades) in given.items()
    ]  # fmt: skip


def _digits(values: Grades) -> str:
    return "".join(map(str, values.tolist()))


FIGURES = {
    "accuracy": lambda labels, grades: float(np.mean(labels == grades)),
    "macro F1": macro_f1,
    "missed damage": missed_damage,
}


def pooled(rows: list[dict[str, str]]) -> dict[str, dict[int, tuple[Grades, Grades, Grades]]]:
    """By rule and seed: labels, grades and phone of every cell, the outer folds one after the other."""
    found: dict[str, dict[int, list[tuple[Grades, Grades, Grades]]]] = {}
    for row in sorted(rows, key=lambda row: int(row["fold"])):
        counts = [int(count) for count in row["per_source"].split("+")]
        phones = np.repeat(np.arange(len(counts)), counts) + 100 * int(row["fold"])
        labels, grades = (np.array(list(row[name]), np.int64) for name in ("labels", "grades"))
        found.setdefault(row["rule"], {}).setdefault(int(row["seed"]), []).append((labels, grades, phones))
    return {
        rule: {seed: tuple(np.concatenate(one) for one in zip(*parts, strict=True)) for seed, parts in seeds.items()}
        for rule, seeds in found.items()
    }


def intervals(
    seeds: Mapping[int, tuple[Grades, Grades, Grades]], other: Mapping[int, tuple[Grades, Grades, Grades]] | None = None,
    repeats: int = 1000, of: Mapping[str, Callable[[Grades, Grades], float]] | None = None,
) -> dict[str, tuple[float, float, float]]:  # fmt: skip
    """Mean over seeds and its 95 % interval over phones, of each figure; less `other`'s on the same draws where it is given."""
    asked = of or FIGURES
    rng = np.random.default_rng(0)
    phones = np.unique(next(iter(seeds.values()))[2])
    places = {seed: [np.flatnonzero(one[2] == phone) for phone in phones] for seed, one in seeds.items()}

    def figures(chosen: npt.NDArray[np.intp]) -> list[float]:
        found = []
        for figure in asked.values():
            each = []
            for seed, (labels, grades, _) in seeds.items():
                cells = np.concatenate([places[seed][at] for at in chosen])
                less = figure(labels[cells], other[seed][1][cells]) if other is not None else 0.0
                each.append(figure(labels[cells], grades[cells]) - less)
            found.append(float(np.mean(each)))
        return found

    whole = figures(np.arange(len(phones)))
    draws = np.array([figures(rng.integers(len(phones), size=len(phones))) for _ in range(repeats)])
    low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0)
    return {name: (whole[at], float(low[at]), float(high[at])) for at, name in enumerate(asked)}


def show(rows: list[dict[str, str]]) -> None:
    """A line for every rule, and what it is less the last epoch."""
    from rich.console import Console
    from rich.table import Table

    known = pooled(rows)
    trainings = {(row["fold"], row["seed"]) for row in rows}
    whole = {seed for _, seed in trainings if sum(one == seed for _, one in trainings) == OUTER}
    known = {rule: {seed: one for seed, one in seeds.items() if str(seed) in whole} for rule, seeds in known.items()}
    title = f"phones: {len(trainings)} of {OUTER * SEEDS} trainings; whole seeds: {', '.join(sorted(whole)) or 'none'}"
    table = Table(title=title, title_justify="left")
    table.add_column("rule")
    for name in FIGURES:
        table.add_column(name)
        table.add_column("less the last epoch's")
    for rule, seeds in known.items() if whole else ():
        own, apart = intervals(seeds), intervals(seeds, known["last"])
        cells = [
            text
            for name in FIGURES
            for text in (written(own[name]), "" if rule == "last" else written(apart[name], sign=True))
        ]
        table.add_row(rule, *cells)
    Console(width=200).print(table)


def written(found: tuple[float, float, float], *, sign: bool = False) -> str:
    """A figure with its interval."""
    form = "{:+.3f} [{:+.3f}, {:+.3f}]" if sign else "{:.3f} [{:.3f}, {:.3f}]"
    return form.format(*found)


def main() -> None:
    """Goes on with the trainings that are missing; prints the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="a folder of phone photos, as datamodule=phone_photos reads it")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/checkpoint_rules"), help="where trainings leave their files"
    )
    parser.add_argument("--most", type=int, default=OUTER * SEEDS, help="trainings of this call")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    words = parser.parse_args()
    there = {(int(row["fold"]), int(row["seed"])) for row in read_rows(ROWS)}
    missing = [(fold, seed) for seed in range(SEEDS) for fold in range(OUTER) if (fold, seed) not in there]
    for fold, seed in missing[: words.most] if words.photos else ():
        print(f"fold {fold}, seed {seed}", file=sys.stderr)
        rows = train(fold, seed, words.photos.resolve(), words.runs.resolve(), words.more)
        append_rows(ROWS, rows)
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
