"""Which runs teach."""

from types import SimpleNamespace

import numpy as np
import pytest
from omegaconf import OmegaConf

from datamodules.base.loaders import CellArrays
from heads.one_hot import OneHot
from jobs.teachers import teachers_of
from sweeps.records.run_record import RecordError, update_record
from training.teacher_logits import with_teachers


def made(folder):
    record = {"status": "done", "config": {"encoding": {}}}
    update_record(folder, lambda _: record)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.ckpt").touch()
    return folder


def test_a_pattern_names_the_teacher_of_a_fold(tmp_path):
    folders = [made(tmp_path / "large" / f"fold-{fold}-ab12cd34") for fold in range(3)]
    cfg = OmegaConf.create({"fold": 1, "task": {"teacher": f"{tmp_path}/large/fold-${{fold}}-*"}})
    assert teachers_of(cfg) == [folders[1] / "checkpoints" / "best.ckpt"]
    cfg.task.teacher = f"{tmp_path}/large/*"
    assert [path.parents[1] for path in teachers_of(cfg)] == folders


def test_a_pattern_without_runs_is_answered(tmp_path):
    cfg = OmegaConf.create({"task": {"teacher": f"{tmp_path}/none/*"}})
    with pytest.raises(RecordError, match=r"task.teacher=.*none/\*: no run's folder is called so"):
        teachers_of(cfg)


def test_where_a_grade_is_open_the_teacher_says_which(monkeypatch, tmp_path):
    made(tmp_path / "large")
    given = OneHot(3), np.arange(12, dtype=np.float32).reshape(4, 3), 7
    monkeypatch.setattr("training.teacher_logits.logits_of", lambda *_: given)
    monkeypatch.setattr("training.teacher_logits.must_be_divided_alike", lambda *_: None)
    cfg = OmegaConf.create(
        {"fold": 0, "paths": {"cache": str(tmp_path)}, "task": {"teacher": f"{tmp_path}/large", "temperature": 1.0}}
    )
    labels, parts = np.array([0, 1, 2, 1]), np.array(["train"] * 4)
    sets = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 1], [0, 1, 0]], bool)
    for votes, told in ((None, [0, 1, 2, 1]), (sets, [0, -1, -1, 1])):
        data = SimpleNamespace(arrays=CellArrays(np.zeros((4, 2, 2, 3), np.uint8), labels, parts, 3, votes))
        assert with_teachers(cfg, None, data)["teacher_weights"] == 7
        assert data.arrays.votes[:, 0].tolist() == told
        np.testing.assert_array_equal(data.arrays.votes[:, 1:], given[1])
