"""What a distillation asks of its teachers: trained runs, whose logits are computed once and kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from omegaconf import DictConfig

from datamodules.samples import Samples
from sweeps.record import RecordError, Status, read_record

if TYPE_CHECKING:
    from heads.grades import GradeHead

Floats = npt.NDArray[np.float32]


def teachers_of(cfg: DictConfig) -> list[Path]:
    """The checkpoints that `task.teacher` names: folders of runs, one or several. Raises RecordError for what is none."""
    given = cfg.task.teacher
    folders = [given] if isinstance(given, str) else list(given or [])
    if not folders:
        raise RecordError("task.teacher=null: want the folder of a trained run, or several as a list")
    found = []
    for folder in [one for name in folders for one in _matching(str(name))]:
        record = read_record(folder)
        if record["status"] != Status.DONE:
            raise RecordError(f"task.teacher={folder}: the run is {record['status']}; want a done one")
        if (task := record["config"]["encoding"].get("task", "grading")) != "grading":
            raise RecordError(f"task.teacher={folder}: a run of task={task}; want one that grades")
        names = ("best", "last")
        path = next((one for name in names if (one := folder / "checkpoints" / f"{name}.ckpt").exists()), None)
        if path is None:
            raise RecordError(f"task.teacher={folder}: it has kept no checkpoint")
        found.append(path)
    return found


def _matching(name: str) -> list[Path]:
    """The folder of that name, or the runs that a pattern with `*` matches: one per fold, say, by `${fold}` in it."""
    if "*" not in name:
        return [Path(name)]
    found = sorted(Path(path).parent for path in glob(f"{name}/record.json"))  # noqa: PTH207  it may begin anywhere
    if not found:
        raise RecordError(f"task.teacher={name}: no run's folder is called so")
    return found


def identity(checkpoints: Sequence[Path]) -> list[str]:
    """What they are, wherever they lie: the first 16 hex digits of each file's SHA-256."""
    return [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in checkpoints]


def logits_of(checkpoint: Path, samples: Samples, cache: Path) -> tuple["GradeHead", Floats, int]:
    """A teacher's head, its logits of all samples `(N, O)`, from the cache where they were computed before, and its weights.

    Raises RecordError for a teacher of other classes.
    """
    from conf.exporting import load_run

    folder = checkpoint.parents[1]
    record = read_record(folder)
    names = list(record["data"]["class_names"])
    if names != list(samples.class_names):
        raise RecordError(
            f"task.teacher={folder}: its classes are {', '.join(names)}; the data's are {', '.join(samples.class_names)}"
        )
    module = load_run(record, checkpoint)
    (digest,) = identity([checkpoint])
    path = cache / f"teacher-{digest}-{samples.fingerprint}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            found = _computed(module, samples.images(int(record["config"]["resolution"])))
            unfinished = path.with_suffix(".part.npy")
            np.save(unfinished, found)
            unfinished.replace(path)
    head: GradeHead = module.head
    return head, np.load(path), sum(one.numel() for one in module.parameters())


DIVIDES = ("fold", "folds", "val_folds", "split_seed", "held_out", "test_images", "use_parts")


def must_be_divided_alike(cfg: DictConfig, folders: Sequence[Path]) -> None:
    """Raises RecordError for a teacher that has been trained on the student's val or test part."""
    own = cfg.datamodule
    for folder in folders:
        others = read_record(folder)["config"]["datamodule"]
        if others["_target_"] != own["_target_"]:
            continue
        for key in DIVIDES:
            if key in own and key in others and own[key] != others[key]:
                raise RecordError(
                    f"task.teacher={folder}: was trained with datamodule.{key}={others[key]}, here it is {own[key]}: it would "
                    "know the pictures that the student is measured on"
                )


def _computed(module: Any, images: npt.NDArray[np.uint8]) -> Floats:
    import torch
    from tqdm import tqdm

    module.eval()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module.to(device)
    found = []
    with torch.inference_mode():
        for at in tqdm(range(0, len(images), 256), desc="teacher", unit="batch", leave=False, disable=None):
            pixels = torch.from_numpy(np.ascontiguousarray(images[at : at + 256])).permute(0, 3, 1, 2).to(device)
            found.append(module(pixels).float().cpu().numpy())
    return np.concatenate(found)


def with_teachers(cfg: DictConfig, samples: Samples, data: Any) -> dict[str, Any]:
    """Puts labels and teachers' logits into a datamodule's training batches; what `DistillationModule` has to know of it.

    `task.temperature=learned` becomes the temperature that fits the val part best.
    """
    import torch

    checkpoints = teachers_of(cfg)
    must_be_divided_alike(cfg, [path.parents[1] for path in checkpoints])
    given = [logits_of(path, samples, Path(str(cfg.paths.cache))) for path in checkpoints]
    heads, logits = [head for head, _, _ in given], np.concatenate([one for _, one, _ in given], axis=1)
    known = {"teachers": heads, "teacher_weights": sum(count for _, _, count in given)}
    labels = data.arrays.labels
    data.arrays = replace(data.arrays, votes=np.concatenate([labels[:, None].astype(np.float32), logits], axis=1))
    if cfg.task.temperature != "learned":
        return known
    from lightning_modules.distillation import calibrated

    val = data.arrays.parts == "val"
    found = calibrated(torch.from_numpy(logits[val]), torch.from_numpy(np.array(labels[val])), heads)
    return known | {"temperature": found}
