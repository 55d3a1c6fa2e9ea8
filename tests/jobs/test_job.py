from omegaconf import OmegaConf

from jobs.job import _folder


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
