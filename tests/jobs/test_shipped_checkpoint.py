"""Which checkpoint ships: the rule, its fallbacks and the reason that the record keeps."""

from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import OmegaConf

from jobs.shipped_checkpoint import check_patience, shipped, unvalidated_classes
from metrics.epochs import epoch_metrics
from metrics.lookup import metrics_of
from sweeps.records.checkpoints import checkpoint_file, shipped_checkpoint
from sweeps.records.run_record import RecordError


def samples(val=(0, 1)):
    table = pd.DataFrame({"part": ["train"] * 2 + ["val"] * len(val), "label": [0, 1, *val]})
    return SimpleNamespace(table=table, class_names=["undamaged", "crack"], one_class_each=True)


def cfg(**callbacks):
    known = {"ships": "last", "keep_best": True, "keep_last": True, "patience": None, "monitor": "val/loss"}
    return OmegaConf.create({"callbacks": known | callbacks, "trainer": {"max_epochs": 20}})


@pytest.mark.parametrize(
    ("callbacks", "val", "epochs", "wanted", "reason"),
    [
        ({}, (0, 1), 20, "last", "callbacks.ships=last"),
        ({"ships": "best"}, (0, 1), 20, "best", "callbacks.ships=best"),
        ({"ships": "best"}, (0, 0), 20, "last", "lacks crack"),
        ({"keep_last": False}, (0, 1), 20, "best", "keep_last=false"),
        ({"ships": "best", "keep_best": False}, (0, 1), 20, "last", "keep_best=false"),
        ({"patience": 3}, (0, 1), 20, "last", "callbacks.ships=last"),
        ({"patience": 3}, (0, 1), 11, "best", "ended the training at epoch 11"),
    ],
)
def test_the_rule_and_its_fallbacks(callbacks, val, epochs, wanted, reason):
    found = shipped(cfg(**callbacks), samples(val), epochs)
    assert found["checkpoint"] == wanted
    assert reason in found["reason"]


def test_patience_needs_all_classes():
    check_patience(cfg(patience=3), samples())
    check_patience(cfg(), samples((0, 0)))
    with pytest.raises(ValueError, match=r"callbacks\.patience=3: the validation set lacks crack"):
        check_patience(cfg(patience=3), samples((0, 0)))


def test_classes_that_only_the_validation_set_has_are_none_that_it_lacks():
    assert unvalidated_classes(samples((0, 1, 1))) == []
    assert unvalidated_classes(samples((0,))) == ["crack"]


def test_a_checkpoint_is_found_by_its_name_and_by_the_record(tmp_path):
    record = {"shipped": {"checkpoint": "last"}}
    assert checkpoint_file(tmp_path, record).name == "last.ckpt"
    assert checkpoint_file(tmp_path, record, "best").name == "best.ckpt"
    assert shipped_checkpoint({}) == "best", "a record that does not say has the figures of the best one"
    with pytest.raises(RecordError, match="checkpoint=first: want shipped, best or last"):
        checkpoint_file(tmp_path, record, "first")


HISTORY = [
    {"val/loss": 0.5, "val/accuracy": 0.9, "val/macro_f1": 0.6},
    {"val/loss": 0.3, "val/accuracy": 0.7, "val/macro_f1": 0.7},
    {"val/loss": 0.4, "val/accuracy": 0.8, "val/macro_f1": 0.5},
]


@pytest.mark.parametrize(("monitor", "epoch", "loss"), [("val/loss", 1, 0.3), ("val/accuracy", 0, 0.5)])
def test_the_loss_is_of_the_shipped_epoch_and_best_follows_the_monitor(monitor, epoch, loss):
    last = epoch_metrics(HISTORY, metrics_of("grading"), monitor, "last")
    best = epoch_metrics(HISTORY, metrics_of("grading"), monitor, "best")
    assert (last["val/loss"], last["val/best/loss"], last["val/best_epoch"]) == (0.4, loss, epoch)
    assert (best["val/loss"], best["val/last/loss"]) == (loss, 0.4)
    assert last["val/accuracy_top10_mean"] == pytest.approx(0.8)
