"""Which checkpoint of a run ships, and why: what is exported, predicted with and shown beside its files. No torch here.

The last epoch is the default. Chosen by a small validation set, the "best" epoch of phones lost 8 points of macro F1 and missed
two and a half times as much damage (benchmarks/checkpoint_rules.py, 15 trainings).
"""

from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from datamodules.base.samples import Samples


def shipped(cfg: DictConfig, samples: "Samples", epochs: int) -> dict[str, str]:
    """`checkpoint`, best or last, and the `reason`, as the record keeps them.

    Args:
        cfg: the run's, its `callbacks` above all.
        epochs: how many were trained.

    """
    given, lacking = cfg.callbacks, unvalidated_classes(samples)
    wanted, reason = str(given.ships), f"callbacks.ships={given.ships}"
    if wanted == "last" and given.patience is not None and epochs < cfg.trainer.max_epochs:
        wanted, reason = "best", f"callbacks.patience={given.patience} ended the training at epoch {epochs}"
    if wanted == "best" and lacking:
        wanted, reason = "last", f"the validation set lacks {', '.join(lacking)}: it may not choose an epoch"
    kept = {"best": given.keep_best, "last": given.keep_last}
    if not kept[wanted]:
        other = "best" if wanted == "last" else "last"
        return {"checkpoint": other, "reason": f"{reason}, but callbacks.keep_{wanted}=false keeps no other"}
    return {"checkpoint": wanted, "reason": reason}


def unvalidated_classes(samples: "Samples") -> list[str]:
    """Names of classes that are trained on and that the validation set has none of."""
    if not samples.one_class_each:
        return []
    table = samples.table
    trained, validated = (set(table.label[table.part == part]) for part in ("train", "val"))
    if not validated:  # fit=all
        return []
    return [samples.class_names[label] for label in sorted(trained - validated)]


def check_patience(cfg: DictConfig, samples: "Samples") -> None:
    """Raises ValueError where a validation set that lacks classes would end the training."""
    if cfg.callbacks.patience is not None and (lacking := unvalidated_classes(samples)):
        raise ValueError(
            f"callbacks.patience={cfg.callbacks.patience}: the validation set lacks {', '.join(lacking)}, so its loss may not end a "
            "training; want patience=null, another datamodule.split_seed, or more sources"
        )
