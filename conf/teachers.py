"""What a distillation asks of its teachers: trained runs, whose logits are computed once and kept."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from omegaconf import DictConfig

from conf.checkpoints import checkpoint_of, content_of, matching, must_be_divided_alike
from datamodules.samples import Samples
from sweeps.record import RecordError, read_record

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
    for folder in [one for name in folders for one in matching("task.teacher", str(name))]:
        record, path = checkpoint_of("task.teacher", folder)
        if (task := record["config"]["encoding"].get("task", "grading")) != "grading":
            raise RecordError(f"task.teacher={folder}: a run of task={task}; want one that grades")
        found.append(path)
    return found


def identity(checkpoints: Sequence[Path]) -> list[str]:
    """What they are, wherever they lie: the first 16 hex digits of each file's SHA-256."""
    return [content_of(path) for path in checkpoints]


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
    for path in checkpoints:
        must_be_divided_alike("task.teacher", cfg, path.parents[1])
    given = [logits_of(path, samples, Path(str(cfg.paths.cache))) for path in checkpoints]
    heads, logits = [head for head, _, _ in given], np.concatenate([one for _, one, _ in given], axis=1)
    known = {"teachers": heads, "teacher_weights": sum(count for _, _, count in given)}
    labels = data.arrays.labels
    told, votes = labels.astype(np.float32), data.arrays.votes
    if votes is not None and votes.dtype == np.bool_:
        told[votes.sum(axis=1) > 1] = -1  # the teacher says which of the candidates
    data.arrays = replace(data.arrays, votes=np.concatenate([told[:, None], logits], axis=1))
    if cfg.task.temperature != "learned":
        return known
    from lightning_modules.distillation import calibrated

    val = data.arrays.parts == "val"
    found = calibrated(torch.from_numpy(logits[val]), torch.from_numpy(np.array(labels[val])), heads)
    return known | {"temperature": found}
