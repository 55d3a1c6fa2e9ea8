"""Where a run's weights come from: a file, as its backbone's yaml knows them, or another run. No torch here."""

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from choices import ROOT
from jobs.leakage import assert_no_leakage
from jobs.source_runs import checkpoint_of, content_of, matching
from lightning_modules.backbones.pretrained import resolve_initial_weights
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights, WeightsError
from sweeps.records.run_record import Record, RecordError

KEY = "backbone.weights"
ZOO = "zoo"
"""The start from a network that comes with gridlite, and the folder where those are."""


def initial_weights_of(cfg: DictConfig, spec: BackboneSpec) -> InitialWeights:
    """Finds what `backbone.weights` asks for: what `resolve_initial_weights` knows, `zoo`, or the folder of a run (a pattern with `*`
    that fits one alone, with `${fold}` or `${seed}` in it, say).

    Of a run its whole network is taken over, the part above the backbone only where it answers the same question and has the
    same shape. Its input scaling comes along. Raises WeightsError or RecordError with one line.
    """
    given = str(cfg.backbone.weights)
    if given == ZOO:
        return _of_run(cfg, spec, zoo_network(spec.name, cfg.width), ZOO)
    if given in ("auto", "imagenet", "none") or ("*" not in given and not Path(given).is_dir()):
        return resolve_initial_weights(spec, cfg.width, given, Path(cfg.paths.weights), cfg.resolution)
    folders = matching(KEY, given, Path(str(cfg.paths.runs)) / str(cfg.sweep_name))
    if len(folders) > 1:
        raise RecordError(
            f"{KEY}={given}: {len(folders)} runs are called so, {folders[0].name} and {folders[1].name} among them; want one"
        )
    return _of_run(cfg, spec, folders[0], "run")


def zoo_network(backbone: str, width: float) -> Path:
    """The folder of a network that comes with gridlite, laid out as that of a run. Raises WeightsError where there is none."""
    folder = ROOT / ZOO / f"{backbone}_{width:g}"
    if not (folder / "record.json").is_file():
        have = (
            ", ".join(sorted(one.parent.name.replace("_", " ") for one in (ROOT / ZOO).glob("*/record.json"))) or "none"
        )
        raise WeightsError(f"{KEY}={ZOO}: there is no {backbone} {width:g}; there are {have}")
    return folder


def _of_run(cfg: DictConfig, spec: BackboneSpec, folder: Path, origin: str) -> InitialWeights:
    record, path = checkpoint_of(KEY, folder)
    other, width = record["config"]["backbone"]["spec"]["name"], record["config"]["width"]
    if (other, width) != (spec.name, cfg.width):
        raise RecordError(f"{KEY}={folder}: a run of {other} {width:g}; want one of {spec.name} {cfg.width:g}")
    assert_no_leakage(KEY, cfg, folder)
    begun = record["initial_weights"]
    mean, std = ((a, b, c) for a, b, c in (begun["mean"], begun["std"]))
    eps = float(begun["eps"])
    return InitialWeights(origin, begun["padding"], mean, std, path, content_of(path), eps, _answers_alike(cfg, record))


def _answers_alike(cfg: DictConfig, record: Record) -> bool:
    """Whether an output of that run's network means what this one's will: the same encoding of the same classes."""
    own, other = OmegaConf.to_container(cfg.encoding, resolve=True), record["config"]["encoding"]
    if own != other:
        return False
    if not cfg.encoding.get("output_per_class", True):
        return True
    names = cfg.datamodule.get("class_names")
    before = record["config"]["datamodule"].get("class_names")
    if names is None:  # they are the folder's
        return bool(cfg.datamodule.get("root") == record["config"]["datamodule"].get("root"))
    return list(names) == list(before or [])
