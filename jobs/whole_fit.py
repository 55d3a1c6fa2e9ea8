"""What follows once a method was chosen over folds: fit=all trains it on all data, fit=ensemble takes the folds' networks together.

No torch here.
"""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from hydra.utils import instantiate

from jobs.job import Job, fold_hash
from sweeps.analysis.expected import Folds, expected, rivals
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.run_record import Record, RecordError, Status, read_record

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def folds_of(job: Job) -> Folds:
    """The finished runs of the same configuration on the same data, one for each fold, wherever they lie under paths.runs.

    Raises RecordError naming the folds that have not been trained so.
    """
    runs, count = Path(str(job.cfg.paths.runs)), int(job.cfg.datamodule.folds)
    found = [_run_of(job, runs, fold) for fold in range(count)]
    missing = [str(fold) for fold, one in enumerate(found) if one is None]
    if missing:
        raise RecordError(
            f"fit={job.cfg.fit}: of {count} folds {', '.join(missing)} {'have' if len(missing) > 1 else 'has'} not been trained with these "
            f"settings on the data as it is, so nothing says what to expect; the same command with fold={','.join(missing)} in place of fit={job.cfg.fit} trains "
            f"{'them' if len(missing) > 1 else 'it'}"
        )
    known = [one for one in found if one is not None]
    return Folds(tuple(folder for folder, _ in known), tuple(record for _, record in known))


def _run_of(job: Job, runs: Path, fold: int) -> tuple[Path, Record] | None:
    digest = fold_hash(job, fold)
    for path in sorted(runs.glob(f"*/*-{digest[:8]}/record.json")):
        record = read_record(path.parent)
        fits = record.get("config_hash") == digest and record.get("status") == Status.DONE
        if fits and record["data"]["fingerprint"] == _fingerprint(job, fold):
            return path.parent, record
    return None


def _fingerprint(job: Job, fold: int) -> str:
    """Of the data as it is now, divided for that fold."""
    cfg = job.cfg.copy()
    cfg.update({"fit": "fold", "fold": fold})
    samples: Samples = instantiate(cfg.datamodule).load()
    return samples.fingerprint


def whole_fit(job: Job, samples: "Samples", folds: Folds) -> Record:
    """Makes all data the training set, sets the epochs, and gives what the record says of it: `whole_fit` and `expected`.

    What to expect is what one fold's network gives; of an ensemble that is each of its members.

    Epochs are as many as the checkpoints of the folds that ship have seen, their median. A test set that all folds share belongs
    to the data set, is no fold, and stays what it is.
    """
    own_test = has_own_test_set(folds)
    job.cfg.trainer.max_epochs = epochs_of(folds)
    job.cfg.callbacks.update({"keep_best": False, "keep_last": True, "patience": None})
    samples.merge_parts(keep_test=own_test)
    runs = Path(str(job.cfg.paths.runs))
    names = [str(folder.relative_to(runs)) for folder in folds.folders]
    about = {"folds": names, "epochs": int(job.cfg.trainer.max_epochs), "own_test_set": own_test}
    about |= {"networks": len(names)} if job.cfg.fit == "ensemble" else {}
    return {"whole_fit": about, "expected": expected(rivals(folds)) | networks_of(about)}


def networks_of(about: Record) -> Record:
    """Of how many networks an ensemble is, for `expected_text`; nothing of one network."""
    return {name: value for name, value in about.items() if name == "networks"}


def folds_of_record(folder: Path, record: Record) -> Folds:
    """The folds of a run that was trained on all data. Raises RecordError where one has gone."""
    folders = tuple(folder.parent.parent / name for name in record["whole_fit"]["folds"])
    return Folds(folders, tuple(read_record(one) for one in folders))


def epochs_of(folds: Folds) -> int:
    """The median over the folds; see `prepare`."""
    return round(median(_epochs(record) for record in folds.records))


def _epochs(record: Record) -> int:
    if shipped_checkpoint(record) == "best":
        return int(record["metrics"]["val/best_epoch"]) + 1
    return len(record["history"])


def has_own_test_set(folds: Folds) -> bool:
    """Whether every fold was tested on the same images."""
    from sweeps.records.answers import answers_of

    tested = []
    for folder in folds.folders:
        answers = answers_of(folder / "predictions.parquet", ["sample", "part"])
        tested.append(frozenset(answers["sample"][answers.part == "test"]))
    return len(tested) > 1 and bool(tested[0]) and len(set(tested)) == 1
