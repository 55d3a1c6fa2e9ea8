"""The figures of a trained network, by its task."""

from typing import TYPE_CHECKING, Any

from hydra.utils import get_method
from omegaconf import DictConfig

from jobs.job import Point
from sweeps.records.run_record import Record

if TYPE_CHECKING:
    from datamodules.base.samples import Samples
from tasks.grading_evaluation import draw_mistakes, score


def scored(
    cfg: DictConfig, module: Any, data: Any, point: Point, samples: "Samples", history: list[dict[str, float]]
) -> Record:
    """What its task says of a trained network: `metrics`, `mistakes`, `weights`, of a student `temperature`; files beside the record."""
    sizes: Record = {"weights": sum(one.numel() for part in (module.network, module.head) for one in part.parameters())}
    if of_teachers := getattr(module, "teacher_weights", 0):
        sizes["teacher_weights"] = of_teachers
    if (heat := getattr(module, "temperature", None)) is not None:
        sizes["temperature"] = float(heat)  # which may have been learned
    if "score" in cfg.task:
        found: Record = get_method(cfg.task.score)(module, data, point, samples, history, cfg.resolution)
        return sizes | found
    metrics = score(module, data, point, samples, history)
    return sizes | {"metrics": metrics, "mistakes": draw_mistakes(point.folder, cfg.resolution, samples)}
