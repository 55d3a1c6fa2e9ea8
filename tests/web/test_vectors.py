"""The pages' own way from a photo to its cells, held against the vectors of `export/app`."""

import json
import shutil

import numpy as np
import pytest

from choices import ROOT
from tests.export.app_files import GRID, made, photographed
from tests.web.served import close_browsers, phone, served_folder

CHROMIUM = shutil.which("chromium") or ""
CUT = """async ([name, corners, grid, side]) => {
  const { rectify, cellPixels } = await import('/pages/cells.js');
  const image = new Image(); image.src = `/export/app/vectors/${name}`; await image.decode();
  const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
  const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
  const upright = rectify(pen.getImageData(0, 0, image.width, image.height), corners, grid);
  return cellPixels(upright, grid, side).map((cell) => Array.from(cell));
}"""


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium is installed")
def test_the_pages_cut_photos_as_the_vectors_say(tmp_path):
    folder = made(tmp_path / "export", "grading", photos=photographed(3, 1000), grid=GRID)
    photos = json.loads((folder / "vectors" / "vectors.json").read_text())["photos"]["of"]
    (tmp_path / "pages").symlink_to(ROOT / "web" / "pages")
    try:
        with served_folder(tmp_path) as address, phone(CHROMIUM) as page:
            page.goto(address)
            for one in photos:
                found = page.evaluate(CUT, [one["photo"], one["corners"], GRID, one["input"][0]])
                for pixels, cell in zip(found, one["cells"], strict=True):
                    channels = len(pixels) // one["input"][0] ** 2
                    mean = np.reshape(pixels, (-1, channels)).mean(axis=0)[:3]
                    np.testing.assert_allclose(mean, cell["input_mean"], atol=0.1)
    finally:
        close_browsers()
