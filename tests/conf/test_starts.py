"""Which run a training starts from, and what it takes over from it."""

import pytest
import torch
from omegaconf import OmegaConf

from conf.starts import start_of
from lightning_modules.backbones.spec import BackboneSpec, WeightsError
from lightning_modules.inference import CheckpointError, take_over
from sweeps.record import RecordError, update_record

SPEC = BackboneSpec("small", (0.5, 1.0), 1.0, 32, 8)


def made(folder, *, width=0.5, status="done", kept=("best", "last"), data=None):
    """A run's folder, as training leaves it."""
    backbone = {"spec": {"name": "small"}}
    config = {"backbone": backbone, "width": width, "datamodule": data or {"_target_": "other", "root": "elsewhere"}}
    begun = {"origin": "imagenet", "padding": "symmetric", "mean": [0.1, 0.2, 0.3], "std": [1, 2, 3], "eps": 0.001}
    update_record(folder, lambda _: {"status": status, "config": config, "start": begun})
    (folder / "checkpoints").mkdir()
    for name in kept:
        (folder / "checkpoints" / f"{name}.ckpt").write_bytes(name.encode())
    return folder


def asking(weights, **datamodule):
    data = {"_target_": "mine", "root": "here", "fold": 0} | datamodule
    return OmegaConf.create({"backbone": {"weights": str(weights)}, "width": 0.5, "resolution": 32, "datamodule": data,
                             "fold": 0, "paths": {"weights": "none"}})  # fmt: skip


def test_a_run_is_taken_with_its_input_scaling(tmp_path):
    start = start_of(asking(made(tmp_path / "run")), SPEC)
    assert (start.origin, start.padding, start.mean, start.std, start.eps) == (
        "run", "symmetric", (0.1, 0.2, 0.3), (1, 2, 3), 0.001,
    )  # fmt: skip
    assert start.path == tmp_path / "run" / "checkpoints" / "best.ckpt"
    assert len(start.digest) == 16
    assert start_of(asking(made(tmp_path / "other", kept=("last",))), SPEC).digest != start.digest


def test_a_pattern_names_the_run_of_this_seed(tmp_path):
    runs = [made(tmp_path / f"seed-{seed}-abcd") for seed in range(3)]
    cfg = asking(f"{tmp_path}/seed-${{fold}}-*")
    cfg.fold = 2
    assert start_of(cfg, SPEC).path.parents[1] == runs[2]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"width": 1.0}, r"run: a run of small 1; want one of small 0.5"),
        ({"status": "failed"}, r"backbone.weights=.*run: the run is failed; want a done one"),
        ({"kept": ()}, r"backbone.weights=.*run: it has kept no checkpoint"),
        (
            {"data": {"_target_": "mine", "root": "here", "fold": 1}},
            r"run: was trained with datamodule.fold=1, here it is 0",
        ),
        (
            {"data": {"_target_": "mixed", "root": "here", "fold": 1}},
            r"run: was trained with datamodule.fold=1, here it is 0",
        ),
    ],
)
def test_a_run_that_will_not_do_is_one_line(tmp_path, run, told):
    with pytest.raises(RecordError, match=told):
        start_of(asking(made(tmp_path / "run", **run)), SPEC)


def test_a_run_that_saw_rendered_phones_alone_suits_any_fold(tmp_path):
    data = {"_target_": "mixed", "root": "here", "fold": 1, "real": 0}
    assert start_of(asking(made(tmp_path / "run", data=data)), SPEC).origin == "run"


def test_a_pattern_must_fit_one_run(tmp_path):
    for name in "ab":
        made(tmp_path / f"run-{name}")
    with pytest.raises(RecordError, match=r"run-\*: 2 runs are called so, run-a and run-b among them; want one"):
        start_of(asking(tmp_path / "run-*"), SPEC)
    with pytest.raises(RecordError, match=r"none-\*: no run's folder is called so"):
        start_of(asking(tmp_path / "none-*"), SPEC)


def test_what_is_neither_file_nor_run(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere: no such file; want a .safetensors file, a run's folder, auto"):
        start_of(asking(tmp_path / "nowhere"), SPEC)


class Net(torch.nn.Module):
    def __init__(self, inner=4, classes=5):
        super().__init__()
        self.network = torch.nn.ModuleDict(
            {"backbone": torch.nn.Conv2d(3, inner, 1), "head": torch.nn.Linear(inner, classes)}
        )


def saved(net, path):
    torch.save({"state_dict": net.state_dict()}, path)
    return path


def test_the_whole_network_is_taken_over_where_it_fits(tmp_path):
    given, same, fewer = Net(), Net(), Net(classes=2)
    path = saved(given, tmp_path / "a.ckpt")
    before = fewer.network["head"].weight.clone()
    take_over(same, path)
    take_over(fewer, path)
    for net in (same, fewer):
        torch.testing.assert_close(net.network["backbone"].weight, given.network["backbone"].weight)
    torch.testing.assert_close(same.network["head"].weight, given.network["head"].weight)
    torch.testing.assert_close(fewer.network["head"].weight, before)
    with pytest.raises(CheckpointError, match=r"not of this backbone: network.backbone.bias is missing or has another"):
        take_over(Net(inner=6), path)
