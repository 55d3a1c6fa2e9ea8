"""What several test files start from."""

import pytest

from tests.drawn import draw_screens


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with drawn phone photos in `screens`, for commands that train for real."""
    root = tmp_path_factory.mktemp("place")
    draw_screens(root / "screens")
    return root
