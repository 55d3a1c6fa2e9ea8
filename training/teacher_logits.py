"""What trained runs say of pictures: computed once, kept in the cache."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from omegaconf import DictConfig

from datamodules.base.samples import Samples
from jobs.leakage import assert_no_leakage
from jobs.teachers import KEY, identity, teachers_of
from storage.whole_file import replaced
from sweeps.records.run_record import RecordError, read_record

if TYPE_CHECKING:
    from lightning_modules.base import TaskModule

Floats = npt.NDArray[np.float32]


class Pictures(Protocol):
    """Labelled samples or others."""

    @property
    def fingerprint(self) -> str:
        """Of the content."""

    def images(self, resolution: int) -> Any:
        """RGB `(N, resolution, resolution, 3)`."""


def loaded_teachers(cfg: DictConfig, samples: Samples) -> tuple[list[Path], "list[TaskModule]"]:
    """The checkpoints that `method.teacher` names, and their modules.

    Raises RecordError for teachers of other classes, or that have seen what this run is measured on.
    """
    checkpoints = teachers_of(cfg)
    for path in checkpoints:
        assert_no_leakage(KEY, cfg, path.parents[1])
    return checkpoints, [_teacher(path, samples) for path in checkpoints]


def logits_of(checkpoints: list[Path], modules: "list[TaskModule]", pictures: Pictures, cache: Path) -> Floats:
    """All teachers' logits of all pictures, `(N, M · O)`."""
    each = [_logits_of(path, module, pictures, cache) for path, module in zip(checkpoints, modules, strict=True)]
    return np.concatenate(each, axis=1)


def _teacher(checkpoint: Path, samples: Samples) -> "TaskModule":
    """A teacher's module. Raises RecordError for one of other classes."""
    from training.finished_run import load_run

    folder = checkpoint.parents[1]
    record = read_record(folder)
    names = list(record["data"]["class_names"])
    if names != list(samples.class_names):
        raise RecordError(
            f"{KEY}={folder}: its classes are {', '.join(names)}; the data's are {', '.join(samples.class_names)}"
        )
    module: TaskModule = load_run(record, checkpoint)
    return module


def _logits_of(checkpoint: Path, module: "TaskModule", pictures: Pictures, cache: Path) -> Floats:
    """A teacher's logits of all pictures `(N, O)`, from the cache where they were computed before."""
    (digest,) = identity([checkpoint])
    path = cache / f"teacher-{digest}-{pictures.fingerprint}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not _is_whole(path):
            record = read_record(checkpoint.parents[1])
            found = _computed(module, pictures.images(int(record["config"]["resolution"])))
            with replaced(path) as unfinished:
                np.save(unfinished, found)
    logits: Floats = np.load(path)
    return logits


def _is_whole(path: Path) -> bool:
    try:
        np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return True


def _computed(module: Any, images: Any) -> Floats:
    import torch
    from tqdm import tqdm

    module.eval()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module.to(device)
    found = []
    with torch.inference_mode():
        for at in tqdm(range(0, len(images), 256), desc="teacher", unit="batch", leave=False, disable=None):
            pixels = torch.from_numpy(np.array(images[at : at + 256])).permute(0, 3, 1, 2).to(device)
            found.append(module(pixels).float().cpu().numpy())
    return np.concatenate(found)
