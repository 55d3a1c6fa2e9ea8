"""`budget.device=<phone>`: the untrained file is timed on the phone that adb reaches, if it is that one."""

import shutil

import pytest

from choices import read_choice
from export.latency.result import LatencyError
from export.predicted_cost import cost_of
from tests.export.latency.test_adb import QUICK, binary, plugged, port  # noqa: F401
from tests.export.test_untrained import question

pytestmark = pytest.mark.skipif(shutil.which("adb") is None, reason="needs adb (Debian: apt install adb)")


def asked_of(phone, tool, device):
    settings = (
        read_choice("latency", "adb") | QUICK | {"benchmark_model": tool, "serial": phone.serial, "max_spread": 9.0}
    )
    return question("float32", device=device) | {"latency": settings}


@pytest.mark.slow
def test_the_phone_times_the_untrained_file(plugged, binary):  # noqa: F811
    (timing,) = cost_of(asked_of(plugged(), binary, "acme scripted 1"))["timings"]
    assert (timing["device"], timing["delegate"], timing["threads"]) == ("Acme Scripted 1", "xnnpack", 1)
    assert timing["latency_ms_mean"] > 0


def test_another_phone_than_the_one_that_is_there_is_not_asked(plugged, binary):  # noqa: F811
    with pytest.raises(LatencyError, match="the phone that adb reaches is Acme Scripted 1"):
        cost_of(asked_of(plugged(), binary, "Pixel 7"))
