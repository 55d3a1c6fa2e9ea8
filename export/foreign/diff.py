"""`python -m export diff old.tflite new.tflite data=<folder or run>`: two files on the same pictures, answer by answer."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import pandas as pd
from omegaconf import DictConfig

from choices import CONF
from cli.arguments import refuse
from cli.command_line import require_keys, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from datamodules.base.pixels import Image
from export.foreign.file import ClassFile
from export.foreign.paired import compared, print_comparison, worse
from export.foreign.score import pictures, told_of
from export.runtime import read_file
from storage.spreadsheet import harmless
from storage.whole_file import replaced
from sweeps.records.run_record import read_record

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="diff")
def main(cfg: DictConfig) -> None:
    """Compares the files, prints and writes what changed; exit code 1 where the new one is worse."""
    require_keys(cfg, old="the file that is in use", new="the file that would replace it", data="a run, or a folder")
    table = Path(cfg.table or f"changed-{Path(cfg.old).stem}-{Path(cfg.new).stem}.csv")
    with stop_or_report(table.parent):
        labels, ordered, rows = _answered(cfg)
        changed = rows[rows.old != rows.new]
        with replaced(table) as unfinished:
            words = changed.assign(
                **{name: [labels[place] for place in changed[name]] for name in ("label", "old", "new")}
            )
            words.map(harmless).to_csv(unfinished, index=False)
        found = compared(rows, ordered=ordered)
        print_comparison(found, rows, str(cfg.old), str(cfg.new))
        print(f"changed: {len(changed)} of {len(rows)}, in {table}")
        complaints = worse(found, cfg.max_loss)
    if complaints:
        print(f"error: {cfg.new}: {' and '.join(complaints)}", file=sys.stderr)
        sys.exit(1)


def _answered(cfg: DictConfig) -> tuple[list[str], bool, pd.DataFrame]:
    """Class names, whether they are grades, and a row per picture: sample, source_id, part, label, old and new (places of classes)."""
    given = Path(cfg.data)
    told = told_of(cfg)
    if (given / "record.json").exists():
        from training.finished_run import load_samples

        record = read_record(given)
        names = list(record["data"]["class_names"])
        files = [ClassFile.of(Path(cfg[key]), told, names) for key in ("old", "new")]
        samples = load_samples(record, cfg.root, cfg.paths.cache)
        found = [pictures(file, samples) for file in files]
        answers = [file.grade(images, names)[0] for file, (_, images) in zip(files, found, strict=True)]
        rows = found[0][0][["sample", "source_id", "part", "label"]]
        return names, samples.ordered, rows.assign(old=answers[0], new=answers[1])
    names = _names(cfg, given)
    files = [ClassFile.of(Path(cfg[key]), told, names) for key in ("old", "new")]
    read = [_folder(given, file, names) for file in files]
    answers = [file.grade(images, names)[0] for file, (_, images) in zip(files, read, strict=True)]
    return names, bool(cfg.ordered), read[0][0].assign(old=answers[0], new=answers[1])


def _names(cfg: DictConfig, folder: Path) -> list[str]:
    """The classes: of the first gridlite file, else as the line says, else the folder's own, by name."""
    for key in ("old", "new"):
        path = Path(cfg[key])
        if path.suffix == ".tflite" and path.is_file():
            try:
                return [str(name) for name in read_file(path)[1]["labels"]]
            except ValueError:
                continue
    if cfg.labels is not None:
        return [str(name) for name in cfg.labels]
    return sorted(one.name for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


@dataclass(frozen=True)
class _Spec:
    labels: list[str]
    size: tuple[int, int]
    preprocessing: dict[str, Any]


def _folder(folder: Path, file: ClassFile, names: Sequence[str]) -> tuple[pd.DataFrame, list[Image]]:
    """Labelled pictures of a folder: of class folders, or of phone photos. Raises DataError where none has a label."""
    from datamodules.prediction_inputs import read_samples

    about = file.backend.described
    preprocessing = {key: about[key] for key in ("crop", "grid", "picture") if key in about}
    spec = _Spec(list(names), file.size, preprocessing or {"crop": "none", "grid": None})
    rows, images = [], []
    for columns, pixels in read_samples(folder, spec, "data"):
        if columns.get("label", "") != "":
            rows.append({"sample": columns.get("cell", columns["file"]), "source_id": columns["file"], "part": "all", "label": columns["label"]})  # fmt: skip
            images.append(pixels)
    if not rows:
        raise DataError(
            f"data={folder}: no picture has a label; want a folder per class ({', '.join(names)}), photos.csv, or a run"
        )
    return pd.DataFrame(rows), images


def both_words(words: list[str]) -> list[str]:
    """`old.tflite new.tflite` → `old=old.tflite new=new.tflite`; other words as they are."""
    bare = [word for word in words if "=" not in word and not word.startswith("-")]
    if len(bare) > 2:
        refuse(f"{' '.join(bare)}: want two files, the old one and the new one")
    keys = iter(("old", "new"))
    return [f"{next(keys)}={word}" if "=" not in word and not word.startswith("-") else word for word in words]
