"""The rendered set as training asks for it."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from joblib import Parallel, delayed

from datamodules.synthetic_screens import SyntheticScreens


def fingerprint_of(folder: Path) -> str:
    screens = SyntheticScreens(
        folder=str(folder / "data"), root=None, devices=6, photos=6, render_seed=0, label_noise=0.0,
        cache=str(folder / "cache"), class_names=["a", "b", "c", "d", "e"], columns=3, rows=5, cell_px=300,
        folds=3, val_folds=2, split_seed=0, fold=0, calibration_cells=10, groups={},
    )  # fmt: skip
    return screens.load().fingerprint


@pytest.mark.slow
def test_two_jobs_that_need_it_at_once_render_it_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        one, other = pool.map(fingerprint_of, [tmp_path, tmp_path])
    assert one == other
    assert [path.name for path in (tmp_path / "data").glob("synthetic_screens-*")] == ["synthetic_screens-6x6-seed0-v1"]


@pytest.mark.slow
def test_it_renders_within_the_jobs_of_a_side_by_side_grid(tmp_path: Path) -> None:
    one, other = Parallel(n_jobs=2, backend="loky")(delayed(fingerprint_of)(tmp_path / name) for name in ("a", "b"))
    assert one == other == fingerprint_of(tmp_path / "a")
