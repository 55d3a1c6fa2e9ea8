"""The table of timings: it grows, the later timing of a setting counts, and a phone is never answered from this machine."""

import pytest

from sweeps.records.budget import excess, why_over
from sweeps.records.environment import host_device
from sweeps.records.latency_table import LatencyTableError, Timing, add_timings, fastest, read_table, table_file

ENTRY = {"device": "Pixel 7", "processor": "Tensor G2", "runtime": "TFLite", "delegate": "xnnpack", "threads": 1, "at": "now",
         "latency_ms_p50": None, "latency_ms_mean": 3.5}  # fmt: skip
FILE = {"graph": "g", "network": "n", "kind": "int8", "size_bytes": 1000, "weights": "trained"}


def timing(**other):
    return Timing.of(ENTRY | {key: value for key, value in other.items() if key in ENTRY},
                     **FILE | {key: value for key, value in other.items() if key in FILE})  # fmt: skip


def test_what_is_added_is_read_and_a_setting_has_one_row(tmp_path):
    assert read_table(tmp_path) == []
    add_timings(tmp_path, [timing(), timing(threads=4, latency_ms_mean=1.5)])
    add_timings(tmp_path, [timing(latency_ms_p50=3.0)])
    found = read_table(tmp_path)
    assert [(one.threads, one.ms) for one in found] == [(4, 1.5), (1, 3.0)]
    assert found[1] == timing(latency_ms_p50=3.0)


def test_of_two_timings_on_this_machine_the_quicker_stays(tmp_path):
    for ms in (3.0, 9.0, 2.0):  # beside a training
        add_timings(tmp_path, [timing(device=host_device(), latency_ms_mean=ms), timing(latency_ms_mean=ms)])
        told = {one.device: one.ms for one in read_table(tmp_path)}
        assert told == {host_device(): min(3.0, ms), "Pixel 7": ms}


def test_a_device_is_answered_by_its_own_timings_alone():
    table = [
        timing(latency_ms_mean=9.0),
        timing(threads=4, latency_ms_mean=2.0),
        timing(device="host", latency_ms_mean=0.1),
    ]
    assert fastest(table, "g", "n", "int8", "pixel 7").ms == 2.0
    assert fastest(table, "g", "n", "int8", "Pixel 8") is None


def test_the_same_graph_counts_before_another_file_of_the_network():
    other = timing(graph="more layers in float", latency_ms_mean=1.0)
    assert fastest([timing(), other], "g", "n", "int8", "Pixel 7").ms == 3.5
    assert fastest([other], "g", "n", "int8", "Pixel 7").ms == 1.0
    assert fastest([other], "g", "n", "float32", "Pixel 7") is None


def test_a_line_that_is_no_timing_is_named(tmp_path):
    add_timings(tmp_path, [timing()])
    file = table_file(tmp_path)
    file.write_text(file.read_text().replace("3.5", "fast"))
    with pytest.raises(LatencyTableError, match=r"latency\.csv: line 2: no timing .*'fast'"):
        read_table(tmp_path)


@pytest.mark.parametrize(
    ("most_ms", "most_kb", "said"),
    [
        (5.0, None, ""),
        (2.0, 1000, "int8 would take 4 ms on X (budget.ms=2)"),
        (2.0, 500, "int8 would take 4 ms on X (budget.ms=2) and 800 kB (budget.kb=500)"),
        (4.0, 800, ""),
    ],
)
def test_a_budget_says_which_bound_is_broken(most_ms, most_kb, said):
    budget = {
        "format": "int8",
        "device": "X",
        "latency_ms": 4.0,
        "size_kb": 800.0,
        "most_ms": most_ms,
        "most_kb": most_kb,
    }
    assert why_over(budget) == said
    assert all(share <= 0 for share in excess(budget).values()) == (said == "")
