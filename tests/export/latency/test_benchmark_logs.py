"""What is read from logs of `benchmark_model`: TensorFlow Lite's and LiteRT's, with parts missing, delegates that take a part or none."""

import pytest

from export.latency.benchmark_model import LITERT, TF_LITE, OutputError, RefusedError, operators, parse

TF = """STARTING!
INFO: Num threads: [2]
INFO: Use gpu: [1]
INFO: Loaded model /data/local/tmp/cells.tflite
INFO: Created TensorFlow Lite delegate for GPU.
{delegate}
INFO: The input model file size (MB): 3.21
INFO: Initialized session in 412.5ms.
INFO: Running benchmark for at least 10 iterations and at least 0 seconds but terminate if exceeding 3600 seconds.
INFO: count=10 first=6100 curr=3050 min=3000 max=6100 avg=3400 std=880 p5=3000 median=3050 p95=6100

INFO: Running benchmark for at least 100 iterations and at least 0 seconds but terminate if exceeding 3600 seconds.
INFO: count=100 first=3050 curr=3010 min=2900 max=3900 avg=3100.5 std=120 p5=2950 median=3060 p95=3300

INFO: Inference timings in us: Init: 412500, First inference: 6100, Warmup (avg): 3400, Inference (avg): 3100.5
INFO: Overall peak memory footprint (MB) via periodic monitoring: 41.5
"""
APPLIED = "INFO: Explicitly applied GPU delegate, and the model graph will be {} executed by the delegate{}."
WHOLE = TF.format(delegate=APPLIED.format("completely", ""))
PARTIAL = TF.format(
    delegate="""ERROR: Following operations are not supported by GPU delegate:
ARG_MAX: Operation is not supported.
CUSTOM Grid (version 2): Operation is not supported.
40 operations will run on the GPU, and the remaining 3 operations will run on the CPU.
"""
    + APPLIED.format("partially", " w/ 2 delegate kernels")
)
LITERT_LOG = """INFO: STARTING!
WARN: Unconsumed cmdline flags: --use_xnnpack=false --enable_op_profiling=true
INFO: [litert_environment.cc:31] Creating LiteRT environment with options
INFO: Replacing {taken} out of 80 node(s) with delegate (LITERT_CL) node, yielding 1 partitions for subgraph 0 (main).
INFO: Initialized session in 512.5ms.
INFO: count=1 curr=9100 p5=9100 median=9100 p95=9100
INFO: count=100 first=2500 curr=2500 min=2400 max=2700 avg=2.51e+03 std=50 p5=2410 median=2505 p95=2690
INFO: [benchmark_litert_model.h:90]
========== BENCHMARK RESULTS ==========
INFO: [benchmark_litert_model.h:92] Signature name:       serving_default
INFO: [benchmark_litert_model.h:94] Model initialization: 1,512.51 ms
INFO: [benchmark_litert_model.h:98] Warmup (avg):         9.10 ms (1 runs)
INFO: [benchmark_litert_model.h:100] Inference (avg):      {mean} (100 runs)
INFO: [benchmark_litert_model.h:104] Inference (min):      2.40 ms
INFO: [benchmark_litert_model.h:108] Inference (std):      0.05
INFO: [benchmark_litert_model.h:128] Overall footprint:    91.70 MB
INFO: [benchmark_litert_model.h:135] {memory}
"""
LITERT_WHOLE = LITERT_LOG.format(taken=80, mean="2.51 ms", memory="Peak memory usage: 96.25 MB")


def test_a_whole_delegation_of_each_tool():
    found = parse(WHOLE)
    assert (found.tool, found.runs, found.delegation.delegate, found.delegation.partial) == (TF_LITE, 100, "gpu", False)
    assert found.times == pytest.approx({"mean": 3.1005, "p50": 3.06, "p90": None, "std": 0.12, "min": 2.9})
    assert (found.initialisation_ms, found.peak_memory_bytes) == (412.5, round(41.5 * 2**20))
    found = parse(LITERT_WHOLE)
    assert (found.tool, found.runs, found.delegation.delegate, found.delegation.partial) == (LITERT, 100, "gpu", False)
    assert found.times == pytest.approx({"mean": 2.51, "p50": 2.505, "p90": None, "std": 0.05, "min": 2.4})
    assert (found.initialisation_ms, found.peak_memory_bytes) == (1512.51, round(96.25 * 2**20))
    assert found.unknown_flags == {"use_xnnpack", "enable_op_profiling"}


@pytest.mark.parametrize(
    ("log", "left"), [(PARTIAL, ("ARG_MAX", "Grid")), (LITERT_LOG.format(taken=77, mean="2.51 ms", memory=""), ())]
)
@pytest.mark.parametrize("delegate", [None, "gpu"])
def test_a_delegate_that_takes_a_part(log, left, delegate):
    found = parse(log, delegate=delegate).delegation
    assert (found.delegate, found.partial, found.cpu_operators) == ("gpu", True, left)


@pytest.mark.parametrize("log", [WHOLE, PARTIAL, LITERT_WHOLE])
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("INFO:", "\x1b[32mINFO:\x1b[0m").replace("ERROR:", "\x1b[1;31mERROR:\x1b[m"),
        lambda text: text.replace("INFO: ", ""),
        lambda text: "Some shell's greeting\n" + text,
    ],
)
def test_line_ends_colours_and_prefixes_change_nothing(log, change):
    assert parse(change(log)) == parse(log)


@pytest.mark.parametrize(
    ("mean", "ms"),
    [("2510 us", 2.51), ("2,510.0 us", 2.51), ("1,002.51 ms", 1002.51), ("1.25 s", 1250), ("2.5e+03 ms", 2500)],
)
def test_units_and_thousands(mean, ms):
    found = parse(LITERT_LOG.format(taken=80, mean=mean, memory="Peak memory usage not available."))
    assert found.times["mean"] == pytest.approx(ms)
    assert found.peak_memory_bytes is None


def test_runs_that_took_as_long_each():
    last = "count=100 first=3050 curr=3010 min=2900 max=3900 avg=3100.5 std=120 p5=2950 median=3060 p95=3300"
    found = parse(WHOLE.replace(last, "count=100 curr=30(all same)").replace("(avg): 3100.5", "(avg): 30"))
    assert found.runs == 100
    assert found.times == {"mean": 0.03, "p50": 0.03, "p90": 0.03, "std": 0.0, "min": 0.03}


def test_parts_that_are_missing():
    found = parse("Inference timings in us: Init: 100, First inference: 6, Warmup (avg): 5, Inference (avg): 4500")
    assert found.times == {"mean": 4.5, "p50": None, "p90": None, "std": None, "min": None}
    assert (found.runs, found.peak_memory_bytes, found.delegation.delegate) == (0, None, "none")
    assert parse("Inference timings in ms: Inference (avg): 4.5").initialisation_ms is None
    assert parse(WHOLE.partition("INFO: Inference timings")[0]).times["mean"] == pytest.approx(3.1005)
    with pytest.raises(OutputError, match="told no timings"):
        parse(WHOLE.partition("INFO: Running")[0])


def test_an_older_log_with_its_profile():
    profile = """============================== Summary by node type ==============================
	[Node type]	[count]	[avg ms]	[avg %]	[cdf %]	[mem KB]	[times called]
	CONV_2D	2	1.5	75.000%	75.000%	0.000	2
	SOFTMAX	1	0.5	25.000%	100.000%	0.000	1
"""
    log = f"{WHOLE.replace('INFO: ', '').partition('Overall peak')[0]}{profile}"
    assert parse(log).times["mean"] == pytest.approx(3.1005)
    for text in (log, log.replace("\n", "\r\n")):
        assert [(one["operator"], one["ms"]) for one in operators(text)] == [("CONV_2D", 1.5), ("SOFTMAX", 0.5)]


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (TF.format(delegate="ERROR: Failed to apply GPU delegate."), "Failed to apply GPU delegate"),
        (TF.format(delegate="GPU acceleration is unsupported on this platform."), "unsupported on this platform"),
        (
            TF.format(
                delegate="INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the "
                "delegate."
            ),
            "will not be executed",
        ),
        (
            TF.format(
                delegate="INFO: Replacing 40 out of 43 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 "
                "partitions for the whole graph.\nERROR: TfLiteGpuDelegate Init: CONV_2D: out of memory\n"
                "ERROR: Restored original execution plan after delegate application failure."
            ),
            "Restored original execution plan",
        ),
        (
            TF.format(
                delegate="INFO: Replacing 43 out of 43 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 "
                "partitions for subgraph 0."
            ),
            "other delegates alone",
        ),
        (LITERT_LOG.format(taken=0, mean="2.51 ms", memory=""), "took none of the operators"),
        (LITERT_WHOLE.replace("Replacing", "Leaving"), "does not say that a GPU accelerator took any"),
    ],
)
def test_a_delegate_that_failed(log, why):
    with pytest.raises(RefusedError, match=why):
        parse(log, delegate="gpu")


def test_several_calls_in_one_log_are_refused_by_name():
    both = WHOLE + LITERT_WHOLE
    with pytest.raises(OutputError, match=r"2 calls \(cells.tflite, serving_default\): want the log of one"):
        parse(both)
    failed_first = "STARTING!\nERROR: Failed to apply GPU delegate.\n" + WHOLE
    assert parse(failed_first) == parse(WHOLE)


@pytest.mark.parametrize("log", ["", "Throughput: 40 FPS\nLatency: 24 ms", "usage: benchmark_app [-h]"])
def test_an_unknown_form_is_one_line_with_a_link(log):
    with pytest.raises(OutputError) as caught:
        parse(log)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("benchmark_model told no timings; it ended with: ")
    assert "Inference timings in us" in text
    assert "https://ai.google.dev/edge/litert" in text
