"""How well damage is marked, and how far its length and area are off: `python -m benchmarks.marked_damage --run <run> [--photos <folder>]`.

On the rendered test phones of the run, whose damage is known from geometry, and on photos of real phones, of whose cells the grade is
known. Intervals are 95 % by bootstrap over phones.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from datamodules.masks.bits import unpacked
from datamodules.masks.measures import extent
from datamodules.phone_photos import PhonePhotos
from datamodules.rendering.geometry import CELL_DIAGONAL, CRACK_VISIBLE, SCRATCH_VISIBLE, length_per_cell, segments_of
from datamodules.rendering.planning import DevicePlan, plan_devices
from datamodules.screens.grid import rectify, split_cells
from datamodules.screens.mask_files import read_masks
from datamodules.screens.masked_cells import MaskedCells
from sweeps.records.run_record import read_record
from tasks.segmentation import segmenter_of
from training.finished_run import load_samples

Array = npt.NDArray[Any]


def with_interval(figure: Callable[[Array], float], phones: Array) -> str:
    """A figure of the places that it is given, with its interval over phones."""
    places = {one: np.flatnonzero(phones == one) for one in np.unique(phones)}
    names = list(places)
    rng = np.random.default_rng(0)
    drawn = [figure(np.concatenate([places[names[at]] for at in rng.integers(len(names), size=len(names))]))
             for _ in range(1000)]  # fmt: skip
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{figure(np.arange(len(phones))):.3f} [{low:.3f}, {high:.3f}]"


def true_lengths(plan: DevicePlan) -> Array:
    """Of scratches and of cracks in each cell, by its diagonal: `(cells, 2)`."""
    cracks = np.concatenate([segments_of(plan.damage.cracks), plan.damage.dashes])
    lengths = [length_per_cell(one) for one in (segments_of(plan.damage.scratches), cracks)]
    return np.stack(lengths, axis=-1).reshape(-1, 2) / CELL_DIAGONAL


def true_areas(samples: MaskedCells) -> Array:
    """Share of each cell that the drawn masks cover, `(cells, K)`, by their own pixels."""
    found = []
    for at, file in enumerate(samples.cell_masks.files):
        assert file is not None
        folder = samples.cell_masks.folder
        corners = folder.photos[at].corners
        assert corners is not None
        masks = np.asarray(255 * read_masks(file, len(samples.class_names)), np.uint8)
        planes = [split_cells(rectify(one, corners, folder.grid)[..., None], folder.grid) for one in masks]
        found.append(np.stack([plane.mean(axis=(1, 2, 3)) / 255 for plane in planes], axis=-1))
    return np.concatenate(found)


def extents_of(masks: Array) -> tuple[Array, Array]:
    """Lengths by the diagonal and areas as shares, each `(cells, K)`, of masks `(cells, K, H, W)`."""
    found = np.array([[extent(mask)[:3:2] for mask in cell] for cell in masks])
    return found[..., 1], found[..., 0]


def errors(given: Array, true: Array, least: float) -> str:
    """Median and 90th percentile of the relative error where there is at least so much, and all by all."""
    there = true >= least
    wrong = np.abs(given[there] - true[there]) / true[there]
    return f"{np.median(wrong):.2f}, {np.percentile(wrong, 90):.2f}, sum {given[there].sum() / true[there].sum():.2f} of the true one, {there.sum()} cells"


def on_rendered(run: Path, file: str) -> None:
    """Prints Dice and IoU, then the errors of lengths and areas."""
    record = read_record(run)
    samples = load_samples(record, None, None)
    assert isinstance(samples, MaskedCells)
    settings = record["config"]["datamodule"]
    resolution = int(record["config"]["resolution"])
    chosen = np.flatnonzero(samples.table.part == "test")
    phones = samples.table.source_id.to_numpy(str)[chosen]
    segmenter = segmenter_of(run / "export" / f"{file}.tflite")
    segmenter.keep_from(0, 0.0)
    given = segmenter.marked(samples.images(resolution)[chosen])
    true = unpacked(samples.masks(resolution)[chosen], len(samples.class_names))
    both, either = (given & true).sum((2, 3)), (given | true).sum((2, 3))
    print(f"{file}, {len(chosen)} cells of {len(np.unique(phones))} phones, {resolution} px")
    for label, name in enumerate(samples.class_names):
        iou, dice = (partial(one, both[:, label], either[:, label]) for one in (_iou, _dice))
        print(f"{name}: Dice {with_interval(dice, phones)}, IoU {with_interval(iou, phones)}; nothing marked: 0")
    plans = plan_devices(settings["devices"], settings["photos"], settings["render_seed"])
    every = np.concatenate([np.tile(true_lengths(plan), (len(plan.dark), 1)) for plan in plans])[chosen]
    areas = true_areas(samples)[chosen]
    for what, masks in (("true masks", true), ("marked", given)):
        lengths, shares = extents_of(masks)
        for label, (name, least) in enumerate(zip(samples.class_names, (SCRATCH_VISIBLE, CRACK_VISIBLE), strict=True)):
            seen = every[:, label] >= least
            print(f"{what}, {name}: length {errors(lengths[:, label], every[:, label], least)}")
            print(f"{what}, {name}: area {errors(shares[seen, label], areas[seen, label], 1e-9)}")


def on_real(run: Path, file: str, root: Path, cache: Path) -> None:
    """Prints how many damaged and undamaged cells have any damage marked."""
    names = ["no damage", "minor scratches", "major scratches", "minor cracks", "major cracks"]
    cells = PhonePhotos(
        str(root), cache=str(cache), class_names=names, columns=3, rows=5, cell_px=300, folds=5, val_folds=0, split_seed=0, fold=0,
        calibration_cells=0, groups={"bench": "msd_*", "hand-held": "hand_*"},
    ).cells()  # fmt: skip
    segmenter = segmenter_of(run / "export" / f"{file}.tflite")
    images = np.asarray(cells.images(segmenter.size[0]))
    groups = cells.table.group.to_numpy(str)
    labels, phones = cells.table.label.to_numpy(), cells.table.source_id.to_numpy(str)
    for least in (0, 10, 30):
        segmenter.keep_from(least, 0.0)
        some: Array = np.array([mask.any() for mask in segmenter.marked(images)])
        for group in np.unique(groups):
            kinds = [("damaged", labels > 0), *((name, labels == at) for at, name in enumerate(names))]
            for title, wanted in kinds:
                here = wanted & (groups == group)
                if here.any():
                    share = with_interval(partial(_share, some[here]), phones[here])
                    print(f"{group}, from {least} pixels of a class on, {title} ({here.sum()} cells): {share}")


def _iou(both: Array, either: Array, at: Array) -> float:
    return float(both[at].sum() / max(either[at].sum(), 1))


def _dice(both: Array, either: Array, at: Array) -> float:
    return float(2 * both[at].sum() / max((both[at] + either[at]).sum(), 1))


def _share(there: Array, at: Array) -> float:
    return float(there[at].mean())


def main() -> None:
    """Reads the words and measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--file", default="float32")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    given = parser.parse_args()
    on_rendered(given.run, given.file)
    if given.photos:
        on_real(given.run, given.file, given.photos, given.cache)


if __name__ == "__main__":
    main()
