"""Every experiment composes and begins with where it comes from, how it is run, what it costs and what to expect."""

import pytest
from hydra import compose, initialize_config_dir

from choices import ROOT
from cli.train_schema import register

CONF = ROOT / "conf"
EXPERIMENTS = sorted((CONF / "experiment").glob("*.yaml"))

register()


def test_there_is_one():
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_it_composes(path):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("train", overrides=[f"experiment={path.stem}"]).sweep_name == path.stem


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_its_header_is_whole(path):
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert [word for word in ("Source:", "Command:", "Cost:", "Expected:") if word not in header] == []
