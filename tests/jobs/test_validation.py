"""An accelerator that this machine cannot have is refused before anything is read."""

import pytest
from omegaconf import OmegaConf

from jobs import validation


def said(monkeypatch, wanted, system, machine, files):
    monkeypatch.setattr(validation.platform, "system", lambda: system)
    monkeypatch.setattr(validation.platform, "machine", lambda: machine)
    monkeypatch.setattr(validation, "GPU_FILES", files)
    return validation._wrong_accelerator(OmegaConf.create({"trainer": {"accelerator": wanted}}))


@pytest.mark.parametrize(
    ("wanted", "system", "machine", "words"),
    [
        (
            "mps",
            "Linux",
            "x86_64",
            "trainer.accelerator=mps: that is the GPU of a Mac with Apple silicon, this is Linux on x86_64",
        ),
        ("mps", "Darwin", "x86_64", "this is Darwin on x86_64"),
        ("mps", "Darwin", "arm64", ""),
        ("gpu", "Linux", "x86_64", "trainer.accelerator=gpu: this machine has no GPU; want auto or cpu"),
        ("cuda", "Linux", "aarch64", "trainer.accelerator=cuda: this machine has no GPU"),
        ("gpu", "Darwin", "arm64", ""),
        ("auto", "Linux", "x86_64", ""),
        ("cpu", "Linux", "x86_64", ""),
    ],
)
def test_what_cannot_be_is_named_with_what_can(monkeypatch, wanted, system, machine, words):
    found = said(monkeypatch, wanted, system, machine, ("/nowhere/gpu",))
    assert (words in found) if words else found == ""


def test_where_there_is_one_it_is_taken(monkeypatch, tmp_path):
    (tmp_path / "nvidiactl").touch()
    assert said(monkeypatch, "cuda", "Linux", "x86_64", (str(tmp_path / "nvidiactl"),)) == ""
