"""What trained runs teach, and which runs those are."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from datamodules.augmentation import none
from datamodules.base.loaders import CellArrays, CellDataModule
from datamodules.imbalance import Unbalanced
from heads.one_hot import OneHot
from jobs.teachers import teachers_of
from sweeps.records.run_record import RecordError, update_record
from training.methods import TeacherTraining

TASK = {"_target_": "tasks.grading.Grading"}


def made(folder, task=TASK):
    record = {"status": "done", "config": {"encoding": {}, "task": task}, "axes": {"task": "some"}}
    update_record(folder, lambda _: record)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.ckpt").touch()
    return folder


def test_a_pattern_names_the_teacher_of_a_fold(tmp_path):
    folders = [made(tmp_path / "large" / f"fold-{fold}-ab12cd34") for fold in range(3)]
    cfg = OmegaConf.create({"fold": 1, "method": {"teacher": f"{tmp_path}/large/fold-${{fold}}-*"}, "task": TASK})
    assert teachers_of(cfg) == [folders[1] / "checkpoints" / "best.ckpt"]
    cfg.method.teacher = f"{tmp_path}/large/*"
    assert [path.parents[1] for path in teachers_of(cfg)] == folders


def test_a_pattern_without_runs_is_answered(tmp_path):
    cfg = OmegaConf.create({"method": {"teacher": f"{tmp_path}/none/*"}, "task": TASK})
    with pytest.raises(RecordError, match=r"method.teacher=.*none/\*: no run's folder is called so"):
        teachers_of(cfg)


def test_a_teacher_of_another_task_is_refused(tmp_path):
    made(tmp_path / "large", {"_target_": "elsewhere.Other"})
    cfg = OmegaConf.create({"method": {"teacher": f"{tmp_path}/large"}, "task": TASK})
    with pytest.raises(RecordError, match=r"large: a run of task=some; want one of this run's own task"):
        teachers_of(cfg)


def test_where_a_grade_is_open_the_teacher_says_which(monkeypatch, tmp_path):
    made(tmp_path / "large")
    given = np.arange(12, dtype=np.float32).reshape(4, 3)
    teacher = SimpleNamespace(head=OneHot(3), parameters=lambda: [torch.zeros(7)])
    monkeypatch.setattr("training.teacher_logits._logits_of", lambda *_: given)
    monkeypatch.setattr("training.teacher_logits._teacher", lambda *_: teacher)
    monkeypatch.setattr("training.teacher_logits.assert_no_leakage", lambda *_: None)
    cfg = OmegaConf.create(
        {"fold": 0, "paths": {"cache": str(tmp_path)}, "method": {"teacher": f"{tmp_path}/large"}, "task": TASK}
    )
    labels, parts = np.array([0, 1, 2, 1]), np.array(["train"] * 4)
    sets = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1], [0, 1, 0]], bool)
    method = TeacherTraining(f"{tmp_path}/large", 1.0, 0.5, "mse")
    for votes, told in ((None, [0, 1, 2, 1]), (sets, [0, -1, -1, 1])):
        arrays = CellArrays(np.zeros((4, 2, 2, 3), np.uint8), labels, parts, 3, votes)
        data = CellDataModule(arrays, augmentation=none(), imbalance=Unbalanced(), batch_size=4, seed=0, prefetch=0)
        assert method.prepare(cfg, None, data).weights == 7
        (batch,) = list(data.train_dataloader())
        order = batch.teacher_logits[:, 0].long() // 3
        assert batch.labels.tolist() == [told[at] for at in order]
        np.testing.assert_array_equal(batch.teacher_logits, given[order])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"temperature": 0}, "method.temperature=0: want a number above 0, or learned"),
        ({"temperature": "warm"}, "method.temperature=warm: want"),
        ({"soft_share": 2}, "method.soft_share=2: want 0 to 1"),
    ],
)
def test_settings_that_fit_nothing_are_named(settings, told):
    with pytest.raises(ValueError, match=told):
        TeacherTraining(**{"teacher": "x", "temperature": 1.0, "soft_share": 1.0, "loss": "mse"} | settings)
