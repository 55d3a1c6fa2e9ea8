"""The networks that come along are what their records and their card say, and have seen nothing that others are measured on."""

import json
import re

import pytest
from omegaconf import OmegaConf

from choices import CONF, ROOT
from jobs.initial_weights import initial_weights_of, zoo_network
from jobs.leakage import assert_no_leakage
from lightning_modules.backbones.spec import BackboneSpec, WeightsError
from storage.whole_file import sha256_of
from sweeps.records.checkpoints import checkpoint_file
from sweeps.records.run_record import RecordError, read_run
from tasks.grading import grader_of

NETWORKS = sorted(path.parent for path in (ROOT / "zoo").glob("*/record.json"))
MOST_MB = {0.25: 1.0, 0.5: 2.0}


def spec_of(name):
    return BackboneSpec.from_config(OmegaConf.to_container(OmegaConf.load(CONF / "backbone" / f"{name}.yaml").spec))


def test_there_are_two():
    assert [folder.name for folder in NETWORKS] == ["mobilenet_0.25", "mobilenet_0.5"]


@pytest.mark.parametrize("folder", NETWORKS, ids=lambda folder: folder.name)
def test_it_is_small_whole_and_names_no_machine(folder):
    record = read_run(folder)
    checkpoint = checkpoint_file(folder, record)
    assert sha256_of(checkpoint) == record["checkpoints"][checkpoint.stem]
    assert checkpoint.stat().st_size < 1e6 * MOST_MB[record["config"]["width"]]
    text = (folder / "record.json").read_text()
    assert not re.search(r'"/\w', text)
    module = grader_of(folder).module
    assert sum(one.numel() for one in module.network.backbone.parameters()) > 2e5


@pytest.mark.parametrize("folder", NETWORKS, ids=lambda folder: folder.name)
def test_the_card_has_the_record_s_figures(folder):
    record, card = read_run(folder), (ROOT / "zoo" / "README.md").read_text()
    (line,) = [line for line in card.splitlines() if f"`zoo/{folder.name}`" in line]
    for name in ("accuracy", "macro_f1", "missed_damage"):
        assert f" {record['metrics'][f'test/{name}']:.3f} [" in line
        assert record["metrics"][f"test/{name}"] != record["baseline"][f"test/{name}"]
    assert record["data"]["fingerprint"] in card
    assert record["metrics"]["test/macro_f1"] > 2 * record["baseline"]["test/macro_f1"]


def test_a_backbone_that_is_not_there_is_named():
    with pytest.raises(
        WeightsError, match=r"backbone.weights=zoo: there is no mobilenet 0.75; there are mobilenet 0.25, mobilenet 0.5"
    ):
        zoo_network("mobilenet", 0.75)


def test_no_other_configuration_draws_its_phones():
    (own,) = {json.dumps(read_run(folder)["config"]["datamodule"]["render_seed"]) for folder in NETWORKS}
    others = [path for path in CONF.rglob("*.yaml") if re.search(rf"render_seed: {own}\b", path.read_text())]
    assert [path.name for path in others] == ["zoo.yaml"]


def test_it_starts_others_and_is_no_start_for_its_own_phones(tmp_path):
    record = read_run(NETWORKS[0])
    settings = record["config"]["datamodule"] | {"render_seed": 0}
    cfg = OmegaConf.create(
        record["config"] | {"datamodule": settings, "paths": {"runs": str(tmp_path), "weights": str(tmp_path)}}
    )
    cfg.backbone.weights = "zoo"
    start = initial_weights_of(cfg, spec_of("mobilenet"))
    assert (start.origin, start.load_head, start.whole_network) == ("zoo", True, True)
    assert start.identity["sha256"] == record["checkpoints"]["last"][:16]
    assert_no_leakage("backbone.weights", cfg, NETWORKS[0])
    cfg.datamodule.render_seed = record["config"]["datamodule"]["render_seed"]
    cfg.datamodule.split_seed = 1
    with pytest.raises(RecordError, match=r"datamodule.split_seed=0, here it is 1"):
        initial_weights_of(cfg, spec_of("mobilenet"))
