"""What several processes compute is what one does, to the last digits of double precision."""

import json
import subprocess
import sys

import pytest

from choices import ROOT

HERE = ROOT


@pytest.mark.slow
def test_steps_of_three_processes_are_those_of_one():
    """Losses that look at the whole batch, sample weights, batch norms, dropout; one batch of two for three processes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lightning_modules.steps", "3"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    )
    made = json.loads(done.stdout)
    losses, sums = made["alone"]
    for others, weights in made["together"]:
        assert others == pytest.approx(losses, abs=1e-9)
        assert weights == pytest.approx(sums, abs=1e-6, rel=1e-6)
