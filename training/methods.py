"""How a network learns: from the labels, or from what trained networks say as well. A choice of conf/method, for any task."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from lightning_modules.distillation import Distillation

Floats = npt.NDArray[np.float32]


@dataclass
class Supervised:
    """From the labels alone."""

    def prepare(self, cfg: DictConfig, samples: Samples, data: Any) -> "Distillation | None":
        """None: the labels are all it learns from."""
        return None


@dataclass
class TeacherTraining:
    """From trained runs: what they say of the same pictures, softened by a temperature.

    Args:
        teacher: folders of runs, one or several.
        temperature, soft_share, loss: see `Distillation`; temperature `learned` is the one that fits the validation set best.

    Raises ValueError for settings that fit nothing.

    """

    teacher: Any
    temperature: float | str
    soft_share: float
    loss: str
    temperatures: Any = None
    """By backbone, for settings to refer to."""

    def __post_init__(self) -> None:
        learned = self.temperature == "learned"
        if not learned and (isinstance(self.temperature, str) or not self.temperature > 0):
            raise ValueError(f"method.temperature={self.temperature}: want a number above 0, or learned")
        if not 0 <= self.soft_share <= 1:
            raise ValueError(f"method.soft_share={self.soft_share:g}: want 0 to 1")

    def prepare(self, cfg: DictConfig, samples: Samples, data: Any) -> "Distillation":
        """Puts teachers' logits beside a datamodule's training samples, or where it keeps none, the teachers themselves to be asked.

        Raises RecordError for teachers of other classes, or that have seen what this run is measured on.
        """
        from lightning_modules.distillation import Distillation

        checkpoints = teachers_of(cfg)
        for path in checkpoints:
            assert_no_leakage(KEY, cfg, path.parents[1])
        modules = [_teacher(path, samples) for path in checkpoints]
        told: dict[str, Any] = {"soft_share": self.soft_share, "loss": self.loss,
                                "weights": sum(one.numel() for module in modules for one in module.parameters())}  # fmt: skip
        heads = [module.head for module in modules]
        if not getattr(data, "keeps_teacher_logits", False):
            temperature = 1.0 if self.temperature == "learned" else self.temperature
            return Distillation(heads, temperature=float(temperature), networks=modules, **told)
        cache = Path(str(cfg.paths.cache))
        each = [_logits_of(*pair, samples, cache) for pair in zip(checkpoints, modules, strict=True)]
        logits = np.concatenate(each, axis=1)
        data.arrays = replace(data.arrays, teacher_logits=logits)
        temperature = self.temperature if self.temperature != "learned" else _calibrated(data.arrays, logits, heads)
        return Distillation(heads, temperature=float(temperature), **told)


def _calibrated(arrays: Any, logits: Floats, heads: list[Any]) -> float:
    import torch

    from lightning_modules.distillation import calibrated

    val = arrays.parts == "val"
    return calibrated(torch.from_numpy(logits[val]), torch.from_numpy(np.array(arrays.labels[val])), heads)


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


def _logits_of(checkpoint: Path, module: "TaskModule", samples: Samples, cache: Path) -> Floats:
    """A teacher's logits of all samples `(N, O)`, from the cache where they were computed before."""
    (digest,) = identity([checkpoint])
    path = cache / f"teacher-{digest}-{samples.fingerprint}.npy"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not _is_whole(path):
            record = read_record(checkpoint.parents[1])
            found = _computed(module, samples.images(int(record["config"]["resolution"])))
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
