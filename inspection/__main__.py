"""What a trained network sees: `python -m inspection run=<folder> image=<file> [pair=<file>]`, or `set=<folder> against=<folder>`."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from omegaconf import DictConfig

from choices import CONF
from cli.command_line import require_keys, run_cli, stop_or_report
from cli.train_schema import register
from datamodules.images.decoding import decode
from datamodules.prediction_inputs import preprocess, read_samples
from export.outline.find import find
from storage.whole_file import replaced, write_whole
from sweeps.records.checkpoints import check_checkpoint
from sweeps.records.run_record import RecordError, Status, read_record
from tasks.base import task_of

register()


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="inspect")
def main(cfg: DictConfig) -> None:
    """Draws a page on an image or a pair, or measures the distance of two folders, and says where it is."""
    require_keys(cfg, run="a run's folder")
    folder = Path(cfg.run)
    with stop_or_report(folder):
        if (status := read_record(folder)["status"]) != Status.DONE:
            raise RecordError(f"{folder}: the run is {status}; want a done one")
        if cfg.max_count < 4:
            raise RecordError(f"max_count={cfg.max_count}: want at least 4 images of each folder")
        check_checkpoint(cfg.checkpoint)
        if bool(cfg.image) == bool(cfg.set):
            raise RecordError(
                "want image=<file> (with pair=<file> for two side by side), or set=<folder> against=<folder>"
            )
        if cfg.pair and not cfg.image:
            raise RecordError(f"pair={cfg.pair}: goes with image=<file>; two folders are set= and against=")
        if bool(cfg.set) != bool(cfg.against):
            raise RecordError("against= and set= go together: two folders of images")
        known: Any = task_of(folder).predictor(folder, cfg.checkpoint)
        if cfg.target is not None and known.evidence_names != known.labels:
            raise RecordError(
                f"target={cfg.target}: goes with classes; here maps show what makes {known.evidence_names[0]}"
            )
        place = folder / "inspection"
        place.mkdir(exist_ok=True)
        path = measure(cfg, known, place) if cfg.set else draw_page(cfg, known, place)
        print(f"inspection: {path}")


def draw_page(cfg: DictConfig, known: Any, place: Path) -> Path:
    """The page of an image or a pair, a JPEG, and a JSON file beside it on what is shown."""
    from inspection.page import draw, seen

    files = [Path(name) for name in (cfg.image, cfg.pair) if name]
    target = _class_number(cfg.target, known.evidence_names)
    names = _names(files)
    images = [
        seen(known.module, preprocess(decode(file), known), name, known.evidence_names, target)
        for file, name in zip(files, names, strict=True)
    ]
    page, told = draw(
        known.module, images, _title(known.record), known.evidence_names,
        layers=cfg.layers, method=cfg.cam_method, cam_layer=cfg.cam_layer,
    )  # fmt: skip
    settings = [str(cfg[key]) for key in ("layers", "cam_method", "cam_layer", "target", "checkpoint")]
    path = place / f"page-{_called(files, settings)}.jpg"
    with replaced(path) as unfinished:
        page.save(unfinished, quality=88)
    told |= {"images": [{"file": str(file), "answer": one.answer} for file, one in zip(files, images, strict=True)]}
    write_whole(path.with_suffix(".json"), json.dumps(told, indent=1))
    return path


def _names(paths: list[Path]) -> list[str]:
    """Their names; with the folder before it where they are called alike."""
    alike = len({path.name for path in paths}) < len(paths)
    return ["/".join(path.resolve().parts[-2:]) if alike else path.resolve().name for path in paths]


def _called(paths: list[Path], settings: list[str]) -> str:
    """A file's name for what comes of paths and settings: readable, and another one for others."""
    digest = hashlib.blake2b("\n".join([*(str(path.resolve()) for path in paths), *settings]).encode(), digest_size=3)
    words = "--".join(dict.fromkeys(path.resolve().stem[:60] for path in paths))
    return f"{words}-{digest.hexdigest()}"


def _title(record: dict[str, Any]) -> str:
    axes = record["axes"]
    words = f"{axes['backbone']} {axes['width']:g} at {axes['resolution']} px, {axes['encoding']}, {axes['datamodule']}"
    return f"{words}, initial weights: {record['initial_weights']['origin']}"


def _class_number(name: str | None, labels: list[str]) -> int | None:
    if name is not None and name not in labels:
        raise RecordError(f"target={name}: no such class; want one of {', '.join(labels)}")
    return None if name is None else labels.index(name)


def measure(cfg: DictConfig, known: Any, place: Path) -> Path:
    """The gap between two folders, layer by layer, as a table on the screen and a JSON file."""
    from rich.console import Console
    from rich.table import Table

    from inspection.gap import gap_of
    from inspection.layers import chosen
    from inspection.page import batch_of

    folders = [Path(cfg.set), Path(cfg.against)]
    drawn = [
        _some(folder, known, int(cfg.max_count), key) for folder, key in zip(folders, ("set", "against"), strict=True)
    ]
    sets = [[pixels for _, pixels in one] for one in drawn]
    sources = [f"{folder}/{source}" for folder, one in zip(folders, drawn, strict=True) for source, _ in one]
    network = known.module.network
    layers = chosen(network, batch_of(sets[0][0]), cfg.layers)
    features = [_features(network, images, layers) for images in sets]
    gaps = [gap_of(layer, features[0][layer], features[1][layer], sources) for layer in layers]
    names = _names(folders)
    table = Table(title=f"{names[0]} ({len(sets[0])} images) against {names[1]} ({len(sets[1])})")
    for column in ("layer", "MMD²", "95 %", "p", "told apart", "A-distance"):
        table.add_column(column, justify="left" if column == "layer" else "right", overflow="fold")
    for gap in gaps:
        words = f"{gap.mmd:.3f}", f"[{gap.low:.3f}, {gap.high:.3f}]", f"{gap.p_value:.3f}", f"{gap.told_apart:.3f}"
        table.add_row(gap.layer, *words, f"{gap.a_distance:.2f}")
    Console(width=None if Console().is_terminal else 140).print(table)
    path = place / f"gap-{_called(folders, [str(cfg.layers), str(cfg.max_count), cfg.checkpoint])}.json"
    told = {"set": str(folders[0]), "against": str(folders[1]), "images": [len(one) for one in sets]}
    rows = [asdict(gap) | {"a_distance": gap.a_distance} for gap in gaps]
    write_whole(path, json.dumps(told | {"layers": rows}, indent=1))
    return path


def _some(folder: Path, known: Any, most: int, key: str) -> list[tuple[str, Any]]:
    """Source and pixels of at most so many of a folder's images, each as likely as another (Vitter 1985, algorithm R)."""
    rng = np.random.default_rng(0)
    kept: list[tuple[str, Any]] = []
    for number, (columns, pixels) in enumerate(
        read_samples(folder, known, key, find=lambda photo: find(photo).corners)
    ):
        one = str(columns["file"]), pixels
        if number < most:
            kept.append(one)
        elif (place := int(rng.integers(number + 1))) < most:
            kept[place] = one
    if len({source for source, _ in kept}) < 4:
        raise RecordError(f"{key}={folder}: {len(kept)} images of it can be read; want at least 4, of as many photos")
    return kept


def _features(network: Any, images: list[Any], layers: list[str]) -> dict[str, Any]:
    """Module path → pooled features `(N, C)`."""
    import torch
    from tqdm import tqdm

    from inspection.layers import feature_maps
    from inspection.page import pooled

    parts: dict[str, list[Any]] = {layer: [] for layer in layers}
    for at in tqdm(range(0, len(images), 32), desc="features", unit="batch", leave=False, disable=None):
        batch = torch.from_numpy(np.stack(images[at : at + 32])).permute(0, 3, 1, 2)
        for layer, maps in feature_maps(network, batch, layers).items():
            parts[layer].append(pooled(maps))
    return {layer: np.concatenate(some) for layer, some in parts.items()}


if __name__ == "__main__":
    run_cli(main, "inspect")
