"""Which samples without labels must not be learned from: a run would know what it is measured on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datamodules.base.array_cache import threaded_map
from datamodules.images.decoding import decode
from datamodules.images.near_duplicates import duplicate_groups, look_of
from datamodules.screens.grid import Grid
from datamodules.screens.photographed_twice import mosaic, phone_look, same_phones
from datamodules.unlabelled.pictures import Picture

if TYPE_CHECKING:
    from datamodules.base.samples import Samples

MEASURED = "of phones or pictures that this run is measured on"
ALIKE = "that look like what this run is measured on"
LABELLED = "that have a label already"
HELD = ("val", "test")


def reasons(
    pictures: Sequence[Picture],
    images: npt.NDArray[np.uint8],
    samples: "Samples",
    grid: Grid | None,
    resolution: int,
    *,
    same_folder: bool,
) -> npt.NDArray[np.str_]:
    """Why each sample is kept out, `(M,)`, empty for those that may be learned from.

    By the phone's source id, by name within the data set's own folder and of ready-cut cells, and by looks: whole phones by
    what `photographed_twice` compares, other samples as copies in a folder of images are found.

    Args:
        pictures: whose samples they are.
        images: of all their samples, `(M, resolution, resolution, 3)`.
        samples: the data set; its val and test parts are what the run is measured on.
        grid: into which photos are cut.
        resolution: of the pictures that are compared.
        same_folder: whether the pictures lie in the data set's own folder.

    """
    table = samples.table
    held = table.part.isin(HELD).to_numpy()
    names, sources = (np.asarray(one.to_numpy(str)) for one in samples.original_names())
    measured, trained = set(names[held]), set(names[(table.part == "train").to_numpy()])
    phones = set(sources[held]) if grid is not None else set()
    found: list[str] = []
    owners: list[int] = []
    for number, one in enumerate(pictures):
        for name in one.samples(grid):
            reason = ""
            if one.source_id in phones or (name in measured and (same_folder or one.corners is None)):
                reason = MEASURED
            elif same_folder and name in trained:
                reason = LABELLED
            found.append(reason)
            owners.append(number)
    reason_of, owner = np.array(found, "<U64"), np.array(owners, np.intp)
    whole = np.array([one.corners is not None for one in pictures], bool)[owner] if len(owner) else np.zeros(0, bool)
    phones_left, others = (np.flatnonzero(chosen & (reason_of == "")) for chosen in (whole, ~whole))
    if len(phones_left) and held.any() and grid is not None:
        same = _same_phones(images, phones_left, owner, samples, held, grid, resolution)
        same |= np.isin(owner[phones_left], _same_photos(pictures, np.unique(owner[phones_left]), samples))
        reason_of[phones_left[same]] = ALIKE
    if len(others) and held.any():
        reason_of[others[_same_samples(images, others, samples, held, resolution)]] = ALIKE
    return reason_of


def _same_samples(
    images: npt.NDArray[np.uint8],
    rest: npt.NDArray[np.intp],
    samples: "Samples",
    held: npt.NDArray[np.bool_],
    resolution: int,
) -> npt.NDArray[np.bool_]:
    """Of samples by themselves, whether they are copies of one that is held."""
    own = samples.images(resolution)
    places = np.flatnonzero(held)
    looks = [*(look_of(np.asarray(own[at])) for at in places), *(look_of(np.asarray(images[at])) for at in rest)]
    groups = duplicate_groups(looks, [f"{at}.png" for at in range(len(looks))])
    return np.isin(groups[len(places) :], groups[: len(places)])


def _same_phones(
    images: npt.NDArray[np.uint8], rest: npt.NDArray[np.intp], owner: npt.NDArray[np.intp], samples: "Samples",
    held: npt.NDArray[np.bool_], grid: Grid, resolution: int,
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Of samples of whole phones, whether their phone is one that is held."""
    own, table = samples.images(resolution), samples.table
    known = [places for _, places in sorted(table[held].groupby("photo").indices.items())]
    held_places = np.flatnonzero(held)
    known = [held_places[places] for places in known if len(places) == grid.cells]
    photos = np.unique(owner[rest])
    cells = [*(own[places] for places in known), *(images[owner == number] for number in photos)]
    pairs = same_phones([phone_look(mosaic(np.asarray(one), grid)) for one in cells])
    if not pairs:
        return np.zeros(len(rest), bool)
    one, other = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (one, other)), shape=(len(cells), len(cells)))
    groups = connected_components(graph, directed=False)[1]
    alike = photos[np.isin(groups[len(known) :], groups[: len(known)])]
    return np.isin(owner[rest], alike)


def _same_photos(pictures: Sequence[Picture], places: npt.NDArray[np.intp], samples: "Samples") -> npt.NDArray[np.intp]:
    """Of whole photos, by their places, those that are copies of one that the run is measured on."""
    files = [*samples.measured_photos, *(pictures[at].file for at in places)]
    looks = list(threaded_map(lambda at: look_of(decode(files[at])), range(len(files))))
    groups = duplicate_groups(looks, [f"{at}.png" for at in range(len(files))])
    known = len(files) - len(places)
    return places[np.isin(groups[known:], groups[:known])]
