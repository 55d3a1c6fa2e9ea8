"""Grades, masks or numbers of a folder of images: `python predict.py run=runs/adhoc/<job> input=<folder>`.

`run` is a run's folder or a .tflite file that gridlite exported; the file is all that is needed of it.
"""

import csv
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from omegaconf import DictConfig

from cli.command_line import answer, stop_or_report, want
from cli.train_schema import register
from datamodules.base.errors import DataError
from datamodules.prediction_inputs import Sample, Wanted, read_samples
from tasks.grading import Grader, grader_of
from tasks.lookup import kind_of_answer
from tasks.regression import Estimator, estimator_of
from tasks.segmentation import mark_folder, marker_of

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
def main(cfg: DictConfig) -> None:
    """Writes one csv row per image, per cell of a folder of phone photos, or per mask, and prints where."""
    want(cfg, run="a run's folder or an exported .tflite file", input="a folder of images")
    given = Path(cfg.run)
    folder = given.parent if given.suffix == ".tflite" else given
    with stop_or_report(folder):
        path = Path(cfg.output) if cfg.output else folder / f"predictions-{Path(cfg.input).resolve().name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = kind_of_answer(given)
        if kind == "segmentation":
            print(mark_folder(Path(cfg.input), marker_of(given, cfg.checkpoint), path))
            return
        if kind == "regression":
            estimator = estimator_of(given, cfg.checkpoint)
            rows = estimate(images_of(cfg.input, estimator), estimator, cfg.batch_size)
        else:
            grader = grader_of(given, cfg.checkpoint)
            rows = grade(images_of(cfg.input, grader), grader, cfg.batch_size)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        if kind == "regression":
            found = [row["number"] for row in rows]
            print(f"{len(rows)} numbers from {min(found):.4g} to {max(found):.4g}: {path}")
            return
        known = [row for row in rows if row.get("label", "") != ""]
        right = sum(row["grade"] == row["label"] for row in known)
        accuracy = f"accuracy {right / len(known):.3f} over {len(known)} labelled images, " if known else ""
        print(f"{accuracy}{len(rows)} graded: {path}")


def images_of(given: str, wanted: Wanted) -> list[Sample]:
    """All that can be read of a folder. Raises DataError where nothing can."""
    samples = list(read_samples(Path(given), wanted))
    if not samples:
        raise DataError(f"input={given}: none of its images can be read")
    return samples


def estimate(samples: list[Sample], estimator: Estimator, batch_size: int) -> list[dict[str, Any]]:
    """The samples' columns with their number."""
    from tqdm import tqdm

    starts = tqdm(range(0, len(samples), batch_size), desc="estimating", unit="batch", leave=False, disable=None)
    answers = [estimator.numbers(np.stack([pixels for _, pixels in samples[at : at + batch_size]])) for at in starts]
    return [
        {"file": columns["file"], "number": round(float(one), 6)}
        for (columns, _), one in zip(samples, np.concatenate(answers), strict=True)
    ]


def grade(samples: list[Sample], grader: Grader, batch_size: int) -> list[dict[str, Any]]:
    """The samples' columns with grade, its name and the probability of every class."""
    from tqdm import tqdm

    starts = tqdm(range(0, len(samples), batch_size), desc="grading", unit="batch", leave=False, disable=None)
    answers = [grader.grade(np.stack([pixels for _, pixels in samples[at : at + batch_size]])) for at in starts]
    grades, probabilities = (np.concatenate(many) for many in zip(*answers, strict=True))
    names = grader.labels
    return [
        columns
        | {"grade": int(given), "grade_name": names[given]}
        | {f"p_{name.replace(' ', '_')}": round(float(p), 6) for name, p in zip(names, chances, strict=True)}
        for (columns, _), given, chances in zip(samples, grades, probabilities, strict=True)
    ]


if __name__ == "__main__":
    answer(main, "predict")
