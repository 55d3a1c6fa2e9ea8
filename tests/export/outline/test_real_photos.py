"""The network that finds phones, which has only seen drawn ones, on real photos."""

import numpy as np
import pandas as pd
import pytest

from choices import ROOT
from datamodules.images.decoding import decode
from datamodules.screens.outline import OutlineError
from export.outline.find import find

PHOTOS = ROOT.parent / "shared" / "data" / "phone_photos"
pytestmark = pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs shared/data/phone_photos")
CORNERS = [f"{axis}_{corner}" for corner in ("tl", "tr", "br", "bl") for axis in ("x", "y")]


def error_of(found, wanted, diagonal):
    """Mean distance of the corners in percent of the photo's diagonal, whichever corner is named first."""
    turned = (np.roll(found, turn, axis=0) for turn in range(4))
    return 100 * min(np.linalg.norm(corners - wanted, axis=1).mean() for corners in turned) / diagonal


@pytest.fixture(scope="module")
def errors():
    """One row per photo: kind, error in percent (NaN where the outline was refused)."""
    rows = []
    for photo in pd.read_csv(PHOTOS / "photos.csv").itertuples():
        picture = decode(PHOTOS / "photos" / photo.photo)
        wanted = np.array([getattr(photo, name) for name in CORNERS], float).reshape(4, 2)
        try:
            error = error_of(find(picture).corners, wanted, np.hypot(*picture.shape[:2]))
        except OutlineError:
            error = np.nan
        rows.append({"photo": photo.photo, "kind": "hand" if "hand" in photo.photo else "bench", "error": error})
    return pd.DataFrame(rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bench", "hand"])
def test_corners_are_found_or_refused(errors, kind):
    here = errors[errors.kind == kind].error
    assert here.isna().mean() <= 0.1
    assert here.median() < 2
    assert here.quantile(0.9) < 5


@pytest.mark.slow
def test_no_crop_is_wrong_in_silence(errors):
    assert errors.error.max() < 5
