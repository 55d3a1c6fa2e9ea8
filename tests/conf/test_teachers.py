"""Which runs teach."""

import pytest
from omegaconf import OmegaConf

from conf.teachers import teachers_of
from sweeps.record import RecordError, update_record


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
