"""Teachers' logits of a data set, computed once and kept."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock
from omegaconf import DictConfig

from datamodules.base.samples import Samples
from jobs.leakage import must_be_divided_alike
from sweeps.records.run_record import RecordError, read_record

if TYPE_CHECKING:
    from heads.grades import GradeHead
from jobs.teachers import identity, teachers_of

Floats = npt.NDArray[np.float32]


def logits_of(checkpoint: Path, samples: Samples, cache: Path) -> tuple["GradeHead", Floats, int]:
    """A teacher's head, its logits of all samples `(N, O)`, from the cache where they were computed before, and its weights.

    Raises RecordError for a teacher of other classes.
    """
    from training.finished_run import load_run

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
