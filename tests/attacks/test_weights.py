"""Weight files that name other files, claim more than they hold, or run something."""

import json
import os
import struct
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from choices import ROOT
from lightning_modules.backbones.base import load_weights
from lightning_modules.backbones.keras_weights import ported, read_keras
from lightning_modules.backbones.spec import WeightsError
from lightning_modules.checkpoints import CheckpointError, load_checkpoint, take_over_backbone

KERNEL = "conv1/conv1/kernel:0"


def elsewhere(file, other):
    layout = h5py.VirtualLayout((3, 3, 3, 8), np.float32)
    layout[...] = h5py.VirtualSource(str(other), KERNEL, (3, 3, 3, 8))
    file.create_virtual_dataset(KERNEL, layout)


HDF5 = {
    "an external link": lambda file, other: file.create_group("conv1").__setitem__("conv1", h5py.ExternalLink(str(other), "/conv1/conv1")),
    "a link to nowhere": lambda file, _: file.__setitem__("conv1", h5py.SoftLink("/nowhere")),
    "a link to itself": lambda file, _: file.create_group("conv1").__setitem__("conv1", file["conv1"]),
    "a virtual data set": elsewhere,
    "raw storage": lambda file, _: file.create_dataset(KERNEL, (3, 3, 3, 8), np.float32, external=[("/etc/passwd", 0, 864)]),
    "a size without storage": lambda file, _: file.create_dataset(KERNEL, (3, 3, 10**5, 10**5), np.float32, chunks=(3, 3, 100, 100)),
    "a text": lambda file, _: file.__setitem__(KERNEL, "text"),
    "a compound": lambda file, _: file.create_dataset(KERNEL, (2,), np.dtype([("a", "f4"), ("b", "S3")])),
    "nothing": lambda file, _: file.__setitem__(KERNEL, h5py.Empty("f4")),
    "another name": lambda file, _: file.__setitem__("conv1/conv1/strange:0", np.zeros(3)),
    "other axes": lambda file, _: file.__setitem__(KERNEL, np.zeros(3)),
}  # fmt: skip


@pytest.mark.parametrize("kind", HDF5)
def test_hdf5(tmp_path, kind):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file[KERNEL] = np.full((3, 3, 3, 8), 42, np.float32)
    with h5py.File(tmp_path / "given.h5", "w") as file:
        HDF5[kind](file, other)
    with pytest.raises(WeightsError) as raised:
        ported("mobilenet", 0.25, read_keras(tmp_path / "given.h5"))
    if "link" in kind:
        assert not read_keras(tmp_path / "given.h5").get("conv1"), "read from another file"
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_hdf5(tmp_path, share):
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file[KERNEL] = np.zeros((3, 3, 3, 8), np.float32)
    data = (tmp_path / "given.h5").read_bytes()
    (tmp_path / "given.h5").write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError, match=r"given\.h5: not a readable HDF5 file"):
        read_keras(tmp_path / "given.h5")


def safetensors(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(first, last, shape=(2, 2), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, last]}


BIAS = tensor(16, 24, [2])
SAFETENSORS = {
    "empty": b"",
    "a header of 2^63": struct.pack("<Q", 2**63) + b"{}",
    "a header of 2^40": struct.pack("<Q", 2**40) + b"{}",
    "outside": safetensors({"weight": tensor(0, 16), "bias": tensor(16, 10**12, [2])}, b"\0" * 24),
    "overlapping": safetensors({"weight": tensor(0, 16), "bias": tensor(8, 16, [2])}, b"\0" * 16),
    "negative": safetensors({"weight": tensor(-1, 16), "bias": BIAS}, b"\0" * 24),
    "overflow": safetensors({"weight": tensor(0, 16, [2**40, 2**40]), "bias": BIAS}, b"\0" * 24),
    "strange type": safetensors({"weight": tensor(0, 16, dtype="XX"), "bias": BIAS}, b"\0" * 24),
    "complex": safetensors({"weight": tensor(0, 32, dtype="C64"), "bias": tensor(32, 40, [2])}, b"\0" * 40),
    "not finite": safetensors({"weight": tensor(0, 16), "bias": BIAS}, struct.pack("<6f", *[float("nan")] * 6)),
    "deep": safetensors(b"[" * 100_000),
    "twice": safetensors(b'{"weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"weight":{}}', b"\0" * 16),
    "another encoding": safetensors('{"ä":1}'.encode("latin-1")),
    "a pickle": b"\x80\x04cos\nsystem\n(S'touch pwned'\ntR.",
}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_safetensors(tmp_path, kind):
    (tmp_path / "given.safetensors").write_bytes(SAFETENSORS[kind])
    with pytest.raises(WeightsError, match=r"given\.safetensors: ") as raised:
        load_weights(nn.Linear(2, 2), tmp_path / "given.safetensors")
    assert "\n" not in str(raised.value)


class Runs:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


CHECKPOINTS = {
    "a pickle": lambda mark: {"state_dict": {"weight": Runs(mark)}},
    "a pickle beside": lambda mark: {"state_dict": nn.Linear(2, 2).state_dict(), "callbacks": Runs(mark)},
    "no tensors": lambda _: {"state_dict": {"network.backbone.weight": 3, "network.backbone.bias": [1]}},
    "no names": lambda _: {"state_dict": {5: torch.zeros(2)}},
    "a size without storage": lambda _: {
        "state_dict": {"weight": torch.zeros(1).expand(10**6, 10**6), "bias": torch.zeros(2)}
    },
    "no storage": lambda _: {"state_dict": {"weight": torch.zeros(2, 2, device="meta"), "bias": torch.zeros(2)}},
    "no state": lambda _: [1],
}


@pytest.mark.parametrize("load", [load_checkpoint, take_over_backbone])
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints(tmp_path, kind, load):
    torch.save(CHECKPOINTS[kind](tmp_path / "made"), tmp_path / "given.ckpt")
    with pytest.raises(CheckpointError, match=r"given\.ckpt: ") as raised:
        load(nn.Linear(2, 2), tmp_path / "given.ckpt")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "made").exists()


def test_a_checkpoint_that_unpacks_to_a_thousand_times_its_size(tmp_path):
    torch.save({"state_dict": {"weight": torch.zeros(2_000_000)}}, tmp_path / "whole.ckpt")
    with (
        zipfile.ZipFile(tmp_path / "whole.ckpt") as whole,
        zipfile.ZipFile(tmp_path / "given.ckpt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for entry in whole.infolist():
            packed.writestr(entry.filename, whole.read(entry))
    with pytest.raises(CheckpointError, match=r"given\.ckpt: compressed"):
        load_checkpoint(nn.Linear(2, 2), tmp_path / "given.ckpt")


@pytest.mark.slow
def test_a_bad_weights_file_ends_training_with_one_line(tmp_path):
    (tmp_path / "given.safetensors").write_bytes(SAFETENSORS["overlapping"])
    done = subprocess.run(
        [sys.executable, "train.py", f"backbone.weights={tmp_path / 'given.safetensors'}", "experiment=demo", f"paths.runs={tmp_path / 'runs'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "given.safetensors: not a readable safetensors file" in done.stderr
    assert "Traceback" not in done.stderr
