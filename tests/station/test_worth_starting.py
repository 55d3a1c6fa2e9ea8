"""How many processes grade a folder where nobody says so."""

import pytest

from station import grading_processes
from station.grading_processes import worth_starting


@pytest.mark.parametrize(
    ("photos", "cores", "wanted"), [(1, 2, 1), (76, 2, 1), (143, 2, 1), (144, 2, 2), (5000, 2, 2), (300, 16, 4)]
)
def test_a_process_has_to_earn_its_start(photos, cores, wanted, monkeypatch) -> None:
    monkeypatch.setattr(grading_processes, "cores", lambda: cores)
    assert worth_starting(photos) == wanted
