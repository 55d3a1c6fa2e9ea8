"""Which epoch should ship, on flowers and on steel: `python -m benchmarks.checkpoint_rules_elsewhere --flowers <folder> --neu <folder>`.

Two trainings each; the rules of `checkpoint_rules` are read off every one of them, by the figures that the validation set gave
after each epoch, and judged on the test set. Rows lie in checkpoint_rules_elsewhere.csv; without folders they are printed.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.checkpoint_rules import AVERAGED, composed, written
from benchmarks.finished_rows import append_rows, read_rows

ROWS = Path(__file__).with_suffix(".csv")
SEEDS = 2
COMMON = ["backbone=mobilenet", "width=0.5", "resolution=96", "backbone.weights=imagenet", "autotune=plain"]
DATA = {
    "flowers": ["datamodule=image_folder", *COMMON, "trainer.max_epochs=15"],
    "neu": ["task=segmentation", "encoding=dice_bce", *COMMON, "batch_size=16", "datamodule.most_train=800", "trainer.max_epochs=15"],
}  # fmt: skip


def train(data: str, seed: int, root: Path, place: Path, more: Sequence[str]) -> list[dict[str, str]]:
    """One training; a row for every rule and figure."""
    import torch
    from hydra.utils import instantiate
    from pytorch_lightning.callbacks import Callback
    from torch.optim.swa_utils import update_bn

    from jobs.run_state import samples_of
    from training.build import build_parts
    from training.trainer import History, build_trainer, seed_everything

    job = composed([*DATA[data], *more, f"seed={seed}", f"datamodule.root={root}", f"paths.runs={place}"])
    samples = samples_of(job)
    seed_everything(seed)
    module, loaders = build_parts(job, samples)
    weights: list[dict[str, torch.Tensor]] = []

    class Kept(Callback):
        """The weights of every epoch."""

        def on_validation_epoch_end(self, *_: Any) -> None:
            weights.append(deepcopy(module.state_dict()))

    history = History()
    trainer = build_trainer(job, history, None, "32-true")
    trainer.callbacks.append(Kept())  # type: ignore[attr-defined]
    trainer.fit(module, loaders)
    metrics = job.metrics
    by = {name: [epoch[f"val/{name}"] for epoch in history.epochs if f"val/{name}" in epoch]
          for name in (metrics.curve, metrics.main)}  # fmt: skip
    taken = {f"best val/{name}": int(np.argmax(values)) for name, values in by.items() if values}
    taken["best val/loss"] = int(np.argmin([epoch["val/loss"] for epoch in history.epochs]))
    taken["last"] = len(weights) - 1
    states = {rule: weights[at] for rule, at in taken.items()}
    for count in AVERAGED:
        mean = {name: torch.stack([one[name].double() for one in weights[-count:]]).mean(0).to(value.dtype)
                for name, value in weights[-1].items()}  # fmt: skip
        module.load_state_dict(mean)
        update_bn((batch.images for batch in loaders.train_dataloader()), module.network)
        states[f"average of the last {count}"] = deepcopy(module.state_dict())
    task, checkpoint = instantiate(job.cfg.task), job.folder / "checkpoints" / "last.ckpt"
    answers = {}
    for rule, state in states.items():
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        (checkpoint.parent / "best.ckpt").unlink(missing_ok=True)
        torch.save({"state_dict": state}, checkpoint)
        found = task.evaluate(module, loaders, job, samples, history.epochs, "last")
        frame = pd.read_parquet(job.folder / "predictions.parquet")
        answers[rule] = frame[frame.part == "test"].sort_values("sample", kind="stable", ignore_index=True)
    base = found["baseline"]
    epochs = {rule: taken.get(rule, len(weights) - 1) for rule in states}
    return _rows(data, seed, metrics, answers, epochs, base)


def _rows(
    data: str, seed: int, metrics: Any, answers: Mapping[str, pd.DataFrame], epochs: Mapping[str, int], base: Any
) -> list[dict[str, str]]:
    """Each figure with its 95 % interval over sources, and less the last epoch's on the same draws."""
    sources = answers["last"].source_id.to_numpy(str)
    places = [np.flatnonzero(sources == one) for one in np.unique(sources)]
    rng = np.random.default_rng(0)
    draws = [np.concatenate([places[at] for at in rng.integers(len(places), size=len(places))]) for _ in range(300)]
    arrays = {rule: metrics.truth_and_answers(frame) for rule, frame in answers.items()}
    rows = []
    for name in [one for one in metrics.file_columns if one in metrics.figures and f"test/{one}" in base]:
        figure = metrics.figures[name]
        whole = {rule: figure(*pair) for rule, pair in arrays.items()}
        drawn = {
            rule: np.array([figure(truth[at], given[at]) for at in draws]) for rule, (truth, given) in arrays.items()
        }
        for rule, value in whole.items():
            own, apart = (np.nanpercentile(one, [2.5, 97.5]) for one in (drawn[rule], drawn[rule] - drawn["last"]))
            rows.append(
                {"data": data, "seed": str(seed), "rule": rule, "epoch": str(epochs[rule] + 1), "figure": name,
                 "value": f"{value:.4f}", "low": f"{own[0]:.4f}", "high": f"{own[1]:.4f}",
                 "less_last": f"{value - whole['last']:.4f}", "less_last_low": f"{apart[0]:.4f}",
                 "less_last_high": f"{apart[1]:.4f}", "baseline": f"{base.get(f'test/{name}', float('nan')):.4f}"}
            )  # fmt: skip
    return rows


def show(rows: list[dict[str, str]]) -> None:
    """A line for each rule of each training."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=200)
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        figures = list(dict.fromkeys(row["figure"] for row in own))
        bases = {row["figure"]: row["baseline"] for row in own}
        table = Table(title=f"{data}, test set; constant answer: {bases}", title_justify="left")
        for name in ("seed", "rule", "epoch", *(text for one in figures for text in (one, "less the last's"))):
            table.add_column(name)
        for seed, rule in dict.fromkeys((row["seed"], row["rule"]) for row in own):
            here = {row["figure"]: row for row in own if (row["seed"], row["rule"]) == (seed, rule)}
            cells = []
            for name in figures:
                value, low, high, *less = (
                    float(here[name][key])
                    for key in ("value", "low", "high", "less_last", "less_last_low", "less_last_high")
                )
                cells += [
                    written((value, low, high)),
                    "" if rule == "last" else written((less[0], less[1], less[2]), sign=True),
                ]
            table.add_row(seed, rule, here[figures[0]]["epoch"], *cells)
        console.print(table)


def main() -> None:
    """Goes on with the trainings that are missing; prints the tables of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for data in DATA:
        parser.add_argument(f"--{data}", type=Path, help="its folder")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/checkpoint_rules"), help="where trainings leave their files"
    )
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    there = {(row["data"], int(row["seed"])) for row in read_rows(ROWS)}
    for data, seed in [(data, seed) for data in DATA for seed in range(SEEDS)]:
        root = getattr(given, data)
        if root is None or (data, seed) in there:
            continue
        print(f"{data}, seed {seed}", file=sys.stderr)
        append_rows(ROWS, train(data, seed, root.resolve(), given.runs.resolve(), given.more))
    show(read_rows(ROWS))


if __name__ == "__main__":
    main()
