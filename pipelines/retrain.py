"""A network once more, on more labels: `python -m pipelines retrain run=<its folder> data=<annotated folder>`.

The recipe of the run is trained on each fold of the folder as it is now, then on all of it, and exported. What the new labels changed is
measured on cells that neither network was trained on: those that the folds of the earlier one had left out, and those for which it
had proposed a grade before a person gave one.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import hydra
import pandas as pd
from omegaconf import DictConfig

from annotation.log import AnnotationError
from annotation.photos import Photos
from annotation.store import Book
from choices import CONF, ROOT
from cli.command_line import quote_path, require_keys, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from datamodules.base.samples import Samples
from datamodules.base.splits import PARTS
from datamodules.screens.grid import Grid
from metrics.lookup import metrics_of
from sweeps.records import retraining
from sweeps.records.answers import read_answers
from sweeps.records.retraining import Labels, Part, Retraining
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record

PLACES = ("runs", "data", "weights", "cache")
OWN_WORDS = (
    "fold",
    "fit",
    "export",
    "overwrite",
    "retry_failed",
    "sweep_name",
    "seeds",
    "datamodule",
    "datamodule.root",
    "datamodule.folds",
    "profile",
    "halving.reduction_factor",
    "halving.min_epochs",
    "halving.within",
    *(f"paths.{name}" for name in PLACES),
)
"""Words of a run's command that a retraining says itself, or that compare it with others of its grid."""
FIGURES = ("macro_f1", "accuracy", "missed_damage")

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="retrain")
def main(cfg: DictConfig) -> None:
    """Trains, exports, compares and reports; exits with 1 when a job failed."""
    require_keys(cfg, run="the folder of a run on photos of phones", data="an annotated folder")
    with stop_or_report(Path(cfg.run)):
        record = read_record(Path(cfg.run))
        samples = samples_now(record, Path(cfg.data), cfg.paths.cache)
        devices = labelled(samples).source_id.nunique()
        folds = min(int(record["config"]["datamodule"]["folds"]), devices)
        sweep = Path(cfg.paths.runs) / (
            cfg.sweep_name or f"{Path(cfg.run).resolve().parent.name}-{samples.fingerprint[:6]}"
        )
        words = [*words_of(record), f"datamodule={record['axes']['datamodule']}", f"datamodule.root={Path(cfg.data).resolve()}",
                 f"datamodule.folds={folds}", *settings_of(record), *cfg.common]  # fmt: skip
        each = ",".join(map(str, range(folds)))
        codes = [
            _train(cfg, sweep, ["-m", *words, f"fold={each}"]),
            _train(cfg, sweep, [*words, "fit=all", "export=all"]),
        ]
        if any(codes):
            sys.exit(1)

        from sweeps.report.report import write_report

        found = compared(Path(cfg.run), record, sweep, samples, Path(cfg.data))
        path = retraining.write(sweep, found)
        print("\n".join([*retraining.lines(found), f"what changed: {path}", f"report: {write_report(sweep)}"]))


def samples_now(record: Record, data: Path, cache: str) -> Samples:
    """The folder in the run's settings. Raises DataError or RecordError where it is none that the run's recipe could learn from."""
    from hydra.utils import instantiate

    from jobs.trusted_config import trusted_config

    name = str(record["axes"]["datamodule"])
    if record.get("status") != Status.DONE or record["axes"]["task"] != "grading" or name != "phone_photos":
        raise RecordError(
            f"a run on datamodule={name}, {record.get('status')}: want a finished one on datamodule=phone_photos; a first network is trained "
            f"by python train.py datamodule=phone_photos datamodule.root={data}"
        )
    samples: Samples = instantiate(
        dict(trusted_config(record)["datamodule"]) | {"root": str(data), "cache": cache}
    ).load()
    if labelled(samples).source_id.nunique() < 2:
        raise DataError(f"data={data}: one labelled device; want two at least, to look at one that was not trained on")
    return samples


def labelled(samples: Samples) -> pd.DataFrame:
    """Photo, source_id and label of each labelled cell, whatever the folds."""
    from datamodules.screens.cells import Cells

    assert isinstance(samples, Cells)
    labels, photos = samples.folder.labels.ravel(), samples.folder.photos
    cells = samples.folder.grid.cells
    known = pd.DataFrame({
        "photo": [photo.name for photo in photos for _ in range(cells)],
        "source_id": [photo.source_id for photo in photos for _ in range(cells)], "label": labels,
    })  # fmt: skip
    return known[known.label >= 0]


def words_of(record: Record) -> list[str]:
    """What was typed for the run, without what a retraining says itself."""
    return [word for word in record["overrides"] if word.lstrip("+").partition("=")[0] not in OWN_WORDS]


def settings_of(record: Record) -> list[str]:
    """Grid and grades of the run, which a profile or its words had set."""
    from choices import read_choice

    given, usual = record["config"]["datamodule"], read_choice("profile", "phone")
    words = [f"datamodule.{key}={given[key]}" for key in ("columns", "rows", "cell_px") if given[key] != usual[key]]
    if list(given["class_names"]) != usual["class_names"]:
        names = ",".join(f'"{name}"' for name in given["class_names"])
        words.append(f"datamodule.class_names=[{names}]")
    return words


def _train(cfg: DictConfig, sweep: Path, words: list[str]) -> int:
    places = [f"paths.{name}={cfg.paths[name]}" for name in PLACES]
    line = [*words, f"sweep_name={sweep.name}"]
    print(f"$ python train.py {shlex.join(line)}", flush=True)
    whole = [word if word.startswith("-") else quote_path(word) for word in (*line, *places)]
    return subprocess.run([sys.executable, "train.py", *whole], cwd=ROOT, check=False).returncode


def compared(run: Path, record: Record, sweep: Path, samples: Samples, data: Path) -> Retraining:
    """What the new labels changed; see the module."""
    now = labelled(samples)
    after = left_out_answers(
        [folder for folder in find_runs(sweep) if read_record(folder)["config"].get("fit", "fold") == "fold"]
    )
    siblings = [folder for folder in find_runs(run.resolve().parent) if _alike(read_record(folder), record)]
    metrics = metrics_of("grading")
    figures = {name: metrics.figures[name] for name in FIGURES}
    parts: list[Part] = []
    new = proposed(run, data, samples).merge(after, on="sample", how="inner")
    if len(new):
        parts.append(retraining.part_of("new: proposed by the earlier network, then graded by a person", new, figures))
    if len(siblings) > 1:
        before = left_out_answers(siblings).rename(columns={"after": "before"})[["sample", "before"]]
        both = before[~before["sample"].isin(new["sample"])].merge(after, on="sample", how="inner")
        if len(both):
            parts.append(retraining.part_of("known before: left out by a fold of either network", both, figures))
    counts, sources, images = (
        {
            part: one for part, one in record["data"].get(name, {}).items() if part in PARTS
        }  # calibration is a part of train
        for name in ("cells", "sources", "images")
    )
    grid = Grid(**samples.preprocessing["grid"])
    return Retraining(
        run=str(run), class_names=list(samples.class_names),
        before=Labels(photos=round(sum(images.values()) / grid.cells), devices=sum(sources.values()), cells=[sum(one) for one in zip(*counts.values(), strict=True)]),
        after=Labels(photos=now.photo.nunique(), devices=now.source_id.nunique(), cells=now.label.value_counts().reindex(range(len(samples.class_names)), fill_value=0).tolist()),
        parts=parts,
    )  # fmt: skip


def _alike(other: Record, record: Record) -> bool:
    """Whether two runs differ in the fold alone, and were trained by folds."""
    apart = {"fold", "fit"}
    own, theirs = ({key: value for key, value in one["axes"].items() if key not in apart} for one in (record, other))
    by_folds = other.get("status") == Status.DONE and other["config"].get("fit", "fold") == "fold"
    return by_folds and own == theirs


def left_out_answers(runs: list[Path]) -> pd.DataFrame:
    """Sample, source_id, label and, as `after`, the grade of the cells that each fold has left out."""
    shipped = [str(read_record(run)["shipped"]["checkpoint"]) for run in runs]
    found = read_answers([run / "predictions.parquet" for run in runs], checkpoint=shipped)
    part = "test" if (found.part == "test").any() else "val"
    found = found[found.part == part].rename(columns={"grade": "after"})
    return found[["sample", "source_id", "label", "after"]].drop_duplicates("sample")


def proposed(run: Path, data: Path, samples: Samples) -> pd.DataFrame:
    """Sample and, as `before`, the grade that the run's network, or a file of it, had proposed for a cell that a person then graded."""
    from datamodules.screens.photo_folder import cell_name

    try:
        book = Book(Photos(data), list(samples.class_names), Grid(**samples.preprocessing["grid"]), writes=False)
    except AnnotationError:
        return pd.DataFrame({"sample": [], "before": []})
    rows: list[dict[str, Any]] = []
    with book.reading() as state:
        for name, photo in state.photos.items():
            for cell, voters in photo.proposed.items():
                said = [text.partition(" ") for text in voters.values()]
                own = [grade for grade, _, network in said if network.partition("/")[0] == run.resolve().name]
                if own:
                    rows.append({"sample": cell_name(name, *cell), "before": int(own[0])})
    return pd.DataFrame(rows, columns=["sample", "before"])


if __name__ == "__main__":
    main()
