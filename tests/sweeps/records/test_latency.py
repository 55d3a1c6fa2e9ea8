"""What is said of a timing: the device, its processor, how that multiplies int8, and a delegate that takes a part."""

import json
from pathlib import Path

import numpy as np
import pytest

from sweeps.records.environment import fast_int8
from sweeps.records.latency import delegate_words, device_words, timing_columns
from sweeps.records.run_record import RecordError, read_record
from tests.sweeps.made import add_run

XEON = "processor\t: 0\nmodel name\t: Xeon\nflags\t\t: fpu avx512f avx512_vnni\n"
EPYC = "processor\t: 0\nmodel name\t: EPYC\nflags\t\t: fpu avx2\n"
CORTEX = "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp\nCPU implementer\t: 0x41\nmodel name\t: avx_vnni\n"


@pytest.mark.parametrize(
    ("told", "wanted"),
    [(XEON, "VNNI"), (EPYC, "none"), (CORTEX, "dot products"), ("", None), ("cat: no such file", None)],
)
def test_instructions_for_int8_are_read_off_the_flags(told: str, wanted: str | None) -> None:
    assert fast_int8(told) == wanted


def test_this_machine_tells_its_own() -> None:
    assert fast_int8() in (None, "none", "VNNI", "dot products")


@pytest.mark.parametrize(
    ("timed", "wanted"),
    [
        ({"device": "Acme 1", "processor": "AC1000", "int8": "dot products"}, "Acme 1 (AC1000, int8 by dot products)"),
        ({"device": "Xeon, 2 cores", "processor": "Xeon", "int8": "VNNI"}, "Xeon, 2 cores (int8 by VNNI)"),
        ({"device": "EPYC, 4 cores", "processor": "EPYC", "int8": "none"}, "EPYC, 4 cores (no instructions for int8)"),
        ({"device": "Old entry", "processor": np.nan, "int8": None}, "Old entry"),
    ],
)
def test_a_device_in_words(timed: dict[str, object], wanted: str) -> None:
    assert device_words(timed) == wanted


@pytest.mark.parametrize(
    ("timed", "wanted"),
    [
        ({"delegate": "xnnpack"}, "xnnpack"),
        ({"delegate": "xnnpack", "partial": False}, "xnnpack"),
        (
            {"delegate": "gpu (partial)", "partial": True, "cpu_operators": ["PAD", "CAST"]},
            "gpu (partial): CPU PAD, CAST",
        ),
        ({"delegate": "xnnpack", "partial": True}, "xnnpack (partial): CPU some"),
    ],
)
def test_a_delegate_in_words(timed: dict[str, object], wanted: str) -> None:
    assert delegate_words(timing_columns(timed)) == wanted


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({"cpu_operators": "PAD"}, "cpu_operators"),
        ({"int8": 3}, "int8"),
        ({"latency_ms_p50": "fast"}, "latency_ms_p50"),
        ({"device": {}}, "device"),
    ],
)
def test_a_timing_that_is_none_is_named_as_the_record_is_read(
    tmp_path: Path, odd: dict[str, object], told: str
) -> None:
    folder = add_run(tmp_path, 0.7)
    path = folder / "record.json"
    record = json.loads(path.read_text())
    record["exports"]["int8"]["latency"][0] |= odd
    path.write_text(json.dumps(record))
    with pytest.raises(RecordError, match=f"exports.int8.latency.0.{told}"):
        read_record(folder)
