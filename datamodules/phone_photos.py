"""Photos of phones with four corners and a grade per cell: the folder form of the design."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from choices.settings import ClassNames, Text
from datamodules.base.data_set import DividedFolder
from datamodules.base.errors import DataError
from datamodules.base.samples import Samples
from datamodules.screens.cell_cache import fingerprint_pixels
from datamodules.screens.cells import Cells
from datamodules.screens.device_rules import rules_for
from datamodules.screens.grid import CellPx, Grid, Side
from datamodules.screens.masked_cells import CellMasks, MaskedCells, labelled_by_masks
from datamodules.screens.photo_folder import listed_photos, read_photo_folder
from datamodules.screens.profile import FILE, folder_profile
from datamodules.screens.screen_size import read_screen


class PhonePhotos(DividedFolder):
    """Reads, checks and divides a folder of phone photos.

    Args:
        root: the folder: photos.csv, cells.csv and photos/ or ready-cut cells/.
        class_names: grades from best to worst; their number is K.
        columns, rows, cell_px: the grid.
        device: what is photographed, such as phone.
        screen_mm: width and height of what is cut into cells, millimetres; None: not known. That of the folder's profile.json comes first.
        rules: what gives a device its grade by those of its cells, see `conf/profile`; those in the folder's profile.json come first.
        divided: see `DividedFolder`.
        labels: what is trained on: `settled` (one grade a cell) or `votes` (the share of votes that each grade got); every
            part is scored on the settled ones.
        targets: `masks`: the masks beside the photos, see `screens.mask_files`; all else: the cells' grades.
        groups: name → pattern of photo names; figures are also reported per group. Photos that no pattern fits are
            grouped by their `kind`.

    """

    family = "phones"
    sources_certain: ClassVar[bool] = False
    """See `Cells`."""
    location_keys = (*DividedFolder.location_keys, "groups", "device", "rules", "screen_mm")

    def __init__(
        self,
        root: Text,
        *,
        class_names: ClassNames,
        columns: Side,
        rows: Side,
        cell_px: CellPx,
        groups: Mapping[Text, Text],
        labels: Literal["settled", "votes"] = "settled",
        targets: Text = Cells.targets,
        device: Text = "phone",
        screen_mm: list[float] | None = None,
        rules: list[Any] | None = None,
        **divided: Any,
    ) -> None:
        super().__init__(root, **divided)
        self.labels, self.targets = labels, targets
        self.class_names = tuple(class_names)
        self.grid = Grid(columns, rows, cell_px)
        self.groups = dict(groups)
        self.device, self.rules = device, rules_for(rules, self.class_names, self.grid.cells, "datamodule.rules")
        self.rules_given, self.screen_mm = rules is not None, read_screen(screen_mm)

    def load(self) -> Samples:
        """Reads and checks the folder. Raises DataError on the first thing that is wrong."""
        return self.masked_cells() if self.targets == MaskedCells.targets else self.cells()

    def masked_cells(self) -> MaskedCells:
        """The cells of the photos that have masks; their grades are not read."""
        self._profile()
        folder = listed_photos(self.root, self.grid)
        pixels = fingerprint_pixels(folder)
        masks = CellMasks(folder, pixels, self.cache)
        labels = masks.labels()
        shown = labelled_by_masks(folder, labels, masks.known)
        cells = Cells(
            shown,
            masks.class_names,
            self.division,
            self.groups,
            self.cache,
            pixels,
            sources_certain=self.sources_certain,
        )
        return MaskedCells(cells, masks, labels)

    def cells(self) -> Cells:
        """The graded cells."""
        profile, notes = self._profile()
        folder = read_photo_folder(self.root, self.grid, len(self.class_names))
        if self.labels == "votes" and folder.votes is None:
            raise DataError(f"{self.root / 'cells.csv'}: no column votes, which datamodule.labels=votes trains on")
        pixels = fingerprint_pixels(folder)
        return Cells(
            folder, self.class_names, self.division, self.groups, self.cache, pixels, self.labels == "votes",
            self.sources_certain, profile, notes,
        )  # fmt: skip

    def _profile(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The device and its rules, by the folder or else by the settings, and what there is to say of them."""
        own = folder_profile(self.root, self.grid, len(self.class_names))
        device, rules, dropped = self.device, self.rules, self.rules is None and self.rules_given
        notes = []
        if own is not None and own.rules is not None:
            device, where = own.device, f"{self.root / FILE}: rules"
            rules = rules_for(own.rules, self.class_names, self.grid.cells, where)
            dropped = rules is None
            if (device, rules) != (self.device, self.rules):
                notes.append(
                    f"{self.root / FILE}: its device, {device}, and its device rules are taken, not those of these settings"
                )
        if dropped:
            notes.append(
                "no rules give a device its grade by those of its cells: want datamodule.rules, or a profile= of your own"
            )
        found: dict[str, Any] = {
            "device": device,
            "rules": None if rules is None else [rule.settings for rule in rules],
        }
        screen = own.screen_mm if own is not None and own.screen_mm is not None else self.screen_mm
        return found | ({} if screen is None else {"screen_mm": list(screen)}), tuple(notes)
