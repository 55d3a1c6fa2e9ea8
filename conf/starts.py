"""Where a run's weights come from: a file, as its backbone's yaml knows them, or another run. No torch here."""

from pathlib import Path

from omegaconf import DictConfig

from conf.checkpoints import checkpoint_of, content_of, matching, must_be_divided_alike
from lightning_modules.backbones.spec import BackboneSpec, Start, resolve_start
from sweeps.record import RecordError

KEY = "backbone.weights"


def start_of(cfg: DictConfig, spec: BackboneSpec) -> Start:
    """Finds what `backbone.weights` asks for: what `resolve_start` knows, or the folder of a run (a pattern with `*` that fits
    one alone, with `${fold}` or `${seed}` in it, say).

    Of a run its whole network is taken over, the part above the backbone only where it has the same shape. Its input
    scaling comes along. Raises WeightsError or RecordError with one line.
    """
    given = str(cfg.backbone.weights)
    if "*" not in given and not Path(given).is_dir():
        return resolve_start(spec, cfg.width, given, Path(cfg.paths.weights), cfg.resolution)
    folders = matching(KEY, given)
    if len(folders) > 1:
        raise RecordError(
            f"{KEY}={given}: {len(folders)} runs are called so, {folders[0].name} and {folders[1].name} among them; want one"
        )
    record, path = checkpoint_of(KEY, folders[0])
    other, width = record["config"]["backbone"]["spec"]["name"], record["config"]["width"]
    if (other, width) != (spec.name, cfg.width):
        raise RecordError(f"{KEY}={folders[0]}: a run of {other} {width:g}; want one of {spec.name} {cfg.width:g}")
    must_be_divided_alike(KEY, cfg, folders[0])
    begun = record["start"]
    mean, std = ((a, b, c) for a, b, c in (begun["mean"], begun["std"]))
    return Start("run", begun["padding"], mean, std, path, content_of(path), float(begun.get("eps", 1e-5)))
