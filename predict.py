"""A trained network's answers to a folder of images: `python predict.py run=runs/adhoc/<job> input=<folder>`.

`run` is a run's folder or a .tflite file that gridlite exported; the file is all that is needed of it.
"""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from cli.command_line import require_keys, run_cli, stop_or_report
from cli.train_schema import register
from datamodules.base.errors import DataError
from tasks.base import doubt_of, task_of

register()


@hydra.main(version_base="1.3", config_path="conf", config_name="predict")
def main(cfg: DictConfig) -> None:
    """Writes one csv row per image, per cell of a folder of phone photos, or per mask, and prints where."""
    require_keys(cfg, run="a run's folder or an exported .tflite file", input="a folder of images")
    given = Path(cfg.run)
    folder = given.parent if given.suffix == ".tflite" else given
    with stop_or_report(folder):
        table = Path(cfg.output) if cfg.output else folder / f"predictions-{Path(cfg.input).resolve().name}.csv"
        predictor = task_of(given).predictor(given, cfg.checkpoint)
        if cfg.pictures != "auto" and not predictor.preprocessing.get("grid"):
            raise DataError(
                f"pictures={cfg.pictures}: {given} answers whole pictures; want it for networks of cells alone"
            )
        if cfg.min_pixels is not None or cfg.min_share is not None:
            if not hasattr(predictor, "keep_from"):
                key = "min_share" if cfg.min_pixels is None else "min_pixels"
                raise DataError(f"{key}={cfg[key]}: {given} answers no masks; want it for networks of masks alone")
            predictor.keep_from(cfg.min_pixels or 0, cfg.min_share or 0.0)
        if words := doubt_of(given):
            print(f"note: {words}")
        table.parent.mkdir(parents=True, exist_ok=True)
        print(predictor.predict_folder(Path(cfg.input), table, cfg.batch_size, cfg.pictures))


if __name__ == "__main__":
    run_cli(main, "predict")
