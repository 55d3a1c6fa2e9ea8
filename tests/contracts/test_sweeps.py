"""Every file of conf/sweep says what it is, composes, and has as many points as its header says."""

import re

import pytest
import yaml
from hydra import compose, initialize_config_dir

from choices import ROOT
from cli.train_schema import register
from jobs.hydra_callbacks import points_of

CONF = ROOT / "conf"
SWEEPS = sorted((CONF / "sweep").glob("*.yaml"))
THESIS = {"stage1_mobilenet": 12, "stage1_mobilenetv2": 12, "stage1_efficientnet": 3}

register()


def composed(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=list(overrides), return_hydra_config=True)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_is_described_and_composes(path):
    text = path.read_text()
    for word in ("Source", "Command", "Cost", "Expected"):
        assert f"# {word}: " in text
    assert f"+sweep={path.stem}" in text
    params = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
    finalists = str(params.get("+finalist", "none")).split(",")
    for finalist in finalists[:1]:  # that each finalist composes is asked once, below
        cfg = composed(f"+sweep={path.stem}", f"+finalist={finalist}")
        assert cfg.sweep_name == path.stem
        assert str(cfg.hydra.mode).endswith("MULTIRUN")
    points = len(finalists) if "+finalist" in params else points_of(cfg)
    for name, values in params.items():
        if name != "+finalist" and "+finalist" in params:
            points *= len(str(values).split(","))
    said = re.search(r"# Cost: (\d+) trainings", text)
    assert said
    assert points == int(said.group(1))


def test_stage_1_is_the_thesis():
    for name, points in THESIS.items():
        text = (CONF / "sweep" / f"{name}.yaml").read_text()
        assert f"Cost: {points} trainings" in text
    cfg = composed("+sweep=stage1_mobilenet")
    assert (cfg.augmentation._target_, cfg.trainer.max_epochs) == ("datamodules.augmentation.none", 30)
    assert dict(cfg.hydra.sweeper.params) == {"width": "0.5,0.75,1.0", "resolution": "128,160,192,224"}


def test_finalists_are_the_thesis():
    published = yaml.safe_load((CONF.parent / "sweeps" / "tables" / "published.yaml").read_text())
    names = composed("+sweep=stage2_augmentation", "+finalist=none").hydra.sweeper.params["+finalist"].split(",")
    for name, wanted in zip(names, published["documents"][0]["finalists"], strict=True):
        cfg = composed(f"+finalist={name}")
        assert cfg.backbone.spec.name == wanted["backbone"]
        assert cfg.width == wanted.get("width")
        assert cfg.resolution == wanted.get("resolution")
