"""What is said of runs by their names."""

import pytest

from metrics.figures import mixed_starts


@pytest.mark.parametrize(
    ("starts", "mixed"),
    [
        (["imagenet", "random"], True),
        (["run", "random", ""], True),
        (["imagenet", "run"], False),
        (["random", "random"], False),
        (["", "imagenet"], False),
        ([], False),
    ],
)
def test_random_starts_do_not_compare_with_others(starts, mixed):
    assert mixed_starts(starts) is mixed
