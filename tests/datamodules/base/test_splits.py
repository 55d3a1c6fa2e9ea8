"""No device on two sides of a split, whatever the labels."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datamodules.base.errors import DataError
from datamodules.base.splits import PARTS, assign_parts, spread
from tests.datamodules.boards import PhotoSet, draw_photo_set

rare_classes_are_fine = pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")


@dataclass(frozen=True)
class Layout:
    """Labels and sources of cells, and into how many folds they go."""

    labels: npt.NDArray[np.int64]
    source_ids: npt.NDArray[np.str_]
    folds: int
    val_folds: int
    seed: int

    def parts(self, fold: int) -> npt.NDArray[np.str_]:
        return assign_parts(
            self.labels, self.source_ids, fold=fold, folds=self.folds, val_folds=self.val_folds, seed=self.seed
        )


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Devices with one to four photos of 15 cells; classes from even to very rare, worse on some devices."""
    folds, val_folds = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    photos = draw(st.lists(st.integers(1, 4), min_size=2 * folds + val_folds, max_size=24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    concentration = draw(st.sampled_from([0.3, 1.0, 10.0]))
    sources = np.repeat([f"phone{number}" for number in range(len(photos))], 15 * np.array(photos))
    shares = {source: rng.dirichlet([concentration] * 5) for source in np.unique(sources)}
    labels = np.array([rng.choice(5, p=shares[source]) for source in sources])
    order = rng.permutation(len(labels)) if draw(st.booleans()) else np.arange(len(labels))
    return Layout(labels[order], sources[order], folds, val_folds, draw(st.integers(0, 5)))


def leave_out_refused(layout: Layout) -> None:
    """One fold can take so many devices that too few are left for val: rightly refused, and tested elsewhere."""
    for fold in range(layout.folds):
        try:
            layout.parts(fold)
        except DataError as error:
            assume("too few different source_id left" not in str(error))
            raise


@rare_classes_are_fine
@settings(max_examples=25, deadline=None)
@given(layout=layouts())
def test_sources_stay_whole_and_every_cell_is_tested_once(layout: Layout) -> None:
    leave_out_refused(layout)
    tested = np.zeros(len(layout.labels), int)
    for fold in range(layout.folds):
        parts = layout.parts(fold)
        assert parts.shape == layout.labels.shape
        assert set(parts) == set(PARTS)
        per_part = [set(layout.source_ids[parts == part]) for part in PARTS]
        assert sum(map(len, per_part)) == len(set.union(*per_part)) == len(set(layout.source_ids))
        tested += parts == "test"
    assert (tested == 1).all()


@rare_classes_are_fine
@settings(max_examples=10, deadline=None)
@given(layout=layouts(), state=st.integers(0, 2**31))
def test_a_split_depends_on_its_own_seed_alone(layout: Layout, state: int) -> None:
    leave_out_refused(layout)
    before = layout.parts(1)
    np.random.seed(state)
    random.seed(state)
    np.testing.assert_array_equal(layout.parts(1), before)


def plain(devices: int = 12, folds: int = 4, val_folds: int = 3, seed: int = 0) -> Layout:
    labels = np.tile(np.arange(15) % 5, devices)
    return Layout(labels, np.repeat([f"phone{n:02}" for n in range(devices)], 15), folds, val_folds, seed)


def test_shares_are_those_of_the_folds() -> None:
    counts = {part: int((plain().parts(0) == part).sum()) // 15 for part in PARTS}
    assert counts == {"train": 6, "val": 3, "test": 3}


def test_another_split_seed_is_another_split() -> None:
    assert (plain(seed=0).parts(0) != plain(seed=1).parts(0)).any()


def test_folds_are_stratified() -> None:
    """Half of the devices are whole, half are broken: every part gets its share of both."""
    whole = np.repeat([0, 4], 90)
    layout = Layout(whole, plain().source_ids, 3, 2, 0)
    for fold in range(3):
        parts = layout.parts(fold)
        for part in PARTS:
            assert np.bincount(whole[parts == part], minlength=5)[[0, 4]].tolist() == [30, 30]


@pytest.mark.parametrize("fold", [-1, 4, 99])
def test_a_fold_out_of_range_is_refused(fold: int) -> None:
    with pytest.raises(DataError, match=rf"fold={fold}: want 0 to 3 \(datamodule\.folds=4\)"):
        plain().parts(fold)


def test_more_folds_than_sources_are_refused() -> None:
    with pytest.raises(DataError, match=r"datamodule\.folds=13: more folds than the 12 different source_id"):
        plain(folds=13).parts(0)


def test_too_few_sources_for_a_val_part_are_refused() -> None:
    with pytest.raises(DataError, match=r"datamodule\.val_folds=10: too few different source_id left"):
        plain(val_folds=10).parts(0)


def test_one_class_is_refused() -> None:
    layout = plain()
    with pytest.raises(DataError, match="every cell has the same label, 3"):
        Layout(np.full(180, 3), layout.source_ids, 4, 3, 0).parts(0)


def test_a_train_part_of_one_class_is_refused() -> None:
    labels = np.zeros(180, np.int64)
    labels[:15] = 1  # one broken device, which falls into the test set once
    layout = Layout(labels, plain().source_ids, 4, 3, 0)
    refusals = []
    for fold in range(4):
        try:
            parts = layout.parts(fold)
        except DataError as error:
            refusals.append(str(error))
        else:
            assert (parts[:15] == "train").all()
    assert any("holds one class only (label 0)" in refusal for refusal in refusals)


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abcdef")), min_size=1, max_size=80),
    count=st.integers(0, 100),
    seed=st.integers(0, 9),
)
def test_spread_takes_turns_over_classes_and_sources(cells: list[tuple[int, str]], count: int, seed: int) -> None:
    labels, sources = np.array([label for label, _ in cells]), np.array([source for _, source in cells])
    chosen = spread(labels, sources, count, seed)
    assert len(chosen) == len(set(chosen.tolist())) == min(count, len(cells))
    assert ((chosen >= 0) & (chosen < len(cells))).all()
    np.testing.assert_array_equal(spread(labels, sources, count, seed), chosen)
    taken = np.bincount(labels[chosen], minlength=5)
    left = np.bincount(labels, minlength=5) - taken
    assert all(taken[grade] >= taken.max() - 1 for grade in range(5) if left[grade])
    for grade in range(5):
        of_class = sources[labels == grade]
        given_by = {source: int((sources[chosen][labels[chosen] == grade] == source).sum()) for source in set(of_class)}
        for source, gave in given_by.items():
            assert gave == (of_class == source).sum() or gave >= max(given_by.values()) - 1


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> PhotoSet:
    return draw_photo_set(tmp_path_factory.mktemp("data") / "set")


@pytest.mark.parametrize("fold", [0, 1, 2])
def test_the_calibration_part_is_a_slice_of_train(drawn: PhotoSet, tmp_path: Path, fold: int) -> None:
    table = drawn.datamodule(tmp_path, fold=fold).load().table
    assert set(table.part) == set(PARTS)
    assert int(table.calibration.sum()) == 12
    assert set(table.part[table.calibration]) == {"train"}
    assert sorted(table.label[table.calibration].value_counts()) == [2, 2, 2, 3, 3]
    assert table.groupby("source_id").part.nunique().max() == 1


def test_a_calibration_part_larger_than_train_is_all_of_train(drawn: PhotoSet, tmp_path: Path) -> None:
    table = drawn.datamodule(tmp_path, calibration_cells=10**6).load().table
    np.testing.assert_array_equal(table.calibration, table.part == "train")


def test_the_table_describes_every_cell_in_the_order_of_the_pixels(drawn: PhotoSet, tmp_path: Path) -> None:
    table = drawn.datamodule(tmp_path).load().table
    assert table["sample"].tolist() == [
        f"photo{n}_r{row}_c{col}" for n in range(6) for row in range(5) for col in range(3)
    ]
    assert table.label.tolist() == [cell["label"] for cell in drawn.cells]
    assert table.row.tolist() == [cell["row"] for cell in drawn.cells]
    assert table.col.tolist() == [cell["col"] for cell in drawn.cells]
    assert table.groupby("photo").group.first().tolist() == ["first"] + ["bench"] * 5


def test_counts_are_those_of_the_table(drawn: PhotoSet, tmp_path: Path) -> None:
    cells = drawn.datamodule(tmp_path).load()
    counts = cells.counts()
    assert list(counts) == [*PARTS, "calibration"]
    for part in PARTS:
        assert counts[part] == [int(((cells.table.part == part) & (cells.table.label == k)).sum()) for k in range(5)]
    assert sum(sum(counts[part]) for part in PARTS) == 90
    assert sum(counts["calibration"]) == 12
