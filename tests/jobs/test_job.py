import pytest
from omegaconf import OmegaConf

from jobs.job import _folder, _overrides


def test_a_folders_name_begins_with_the_network_whatever_is_typed_first(monkeypatch):
    words = [
        ("datamodule.root", "/a/very/" + "long" * 30),
        ("trainer.max_epochs", "3"),
        ("fold", "2"),
        ("width", "0.5"),
    ]
    monkeypatch.setattr("jobs.job._overrides", lambda _: words)
    cfg = OmegaConf.create({"paths": {"runs": "runs"}, "sweep_name": "s"})
    name = _folder(cfg, "0123456789").name
    assert name.startswith("width-0.5+fold-2+root-longlong")
    assert name.endswith("-01234567")
    assert len(name) <= 130


def test_choices_at_a_place_of_their_own_are_of_their_group():
    """They become an axis where their group changes what is trained, and none where it does not."""
    words = [
        "~quantization@format.station.quantizations.int8=null", "+quantization@format.x=int8", "~check",
        "+augmentation@augmentation.extra=heavy", "+trainer.max_epochs=3",
    ]  # fmt: skip
    cfg = OmegaConf.create({"datamodule": {"_target_": "datamodules.phone_photos.PhonePhotos"}})
    hydra = OmegaConf.create({"overrides": {"task": words}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.job.HydraConfig.get", lambda: hydra)
        assert _overrides(cfg) == [("augmentation", "heavy"), ("trainer.max_epochs", "3")]
