#!/usr/bin/env python3
"""Stands for `benchmark_model` on a scripted phone: really runs the file, and words its figures as the real one does.

`wording` beside it: new, old, older or litert; `gpu` beside it: refuse, fall_back, partial, or nothing, which lets it pass; `warms_up`
beside it: every call sleeps so many ms longer before each image than the call before.
"""

import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

here = Path(__file__).parent
flags = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
wording = (here / "wording").read_text() if (here / "wording").exists() else "new"
gpu = (here / "gpu").read_text() if (here / "gpu").exists() else ""
calls = here / "calls"
calls.write_text(str(int(calls.read_text()) + 1 if calls.exists() else 1))
pause = 1e-3 * float((here / "warms_up").read_text()) * int(calls.read_text()) if (here / "warms_up").exists() else 0.0
print("STARTING!")
if flags["use_gpu"] == "true" and gpu == "refuse":
    print("ERROR: Failed to apply GPU delegate.", file=sys.stderr)
    sys.exit(1)
if flags["use_gpu"] == "true" and gpu == "fall_back":
    print("INFO: Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.")
if flags["use_gpu"] == "true" and gpu == "partial":
    print("ERROR: Following operations are not supported by GPU delegate:\nARG_MAX: Operation is not supported.")
    print("30 operations will run on the GPU, and the remaining 1 operations will run on the CPU.")
    print("INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate.")
if wording == "litert":
    unknown = " ".join(f"--{name}={flags[name]}" for name in ("use_xnnpack", "enable_op_profiling"))
    print(f"WARN: Unconsumed cmdline flags: {unknown}\nINFO: [environment.cc:30] Creating LiteRT environment")
    if flags["use_gpu"] == "true":
        print("INFO: Replacing 31 out of 31 node(s) with delegate (LITERT_CL) node, yielding 1 partitions.")
began = time.perf_counter()
interpreter = Interpreter(flags["graph"], num_threads=int(flags["num_threads"]))
interpreter.allocate_tensors()
init = 1e6 * (time.perf_counter() - began)
source = interpreter.get_input_details()[0]
interpreter.set_tensor(source["index"], np.zeros(source["shape"], source["dtype"]))


def timed(count):
    us = []
    for _ in range(count):
        began = time.perf_counter()
        time.sleep(pause)
        interpreter.invoke()
        us.append(1e6 * (time.perf_counter() - began))
    return np.array(us)


def statistics(us):
    line = (f"count={len(us)} first={us[0]:.0f} curr={us[-1]:.0f} min={us.min():.0f} max={us.max():.0f} "
            f"avg={us.mean():.3f} std={us.std():.0f}")  # fmt: skip
    return line + (
        f" p5={np.quantile(us, 0.05):.0f} median={np.median(us):.0f} p95={np.quantile(us, 0.95):.0f}"
        if wording == "new"
        else ""
    )


warmup, runs = timed(int(flags["warmup_runs"])), timed(int(flags["num_runs"]))
print(statistics(warmup))
print(statistics(runs))
if wording == "new":
    print(f"INFO: Inference timings in us: Init: {init:.0f}, First inference: {warmup[0]:.0f}, "
          f"Warmup (avg): {warmup.mean():g}, Inference (avg): {runs.mean():g}")  # fmt: skip
    print("INFO: Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE.")
    print("INFO: Memory footprint delta from the start of the tool (MB): init=2.5 overall=4.25")
    if flags["report_peak_memory_footprint"] == "true":
        print("INFO: Overall peak memory footprint (MB) via periodic monitoring: 11.5")
elif wording == "litert":
    print(f"========== BENCHMARK RESULTS ==========\nINFO: Model initialization: {init / 1e3:.2f} ms")
    print(f"INFO: Inference (avg):      {runs.mean() / 1e3:.4f} ms ({len(runs)} runs)")
else:
    name = "Inference" if wording == "old" else "no stats"
    print(f"Average inference timings in us: Warmup: {warmup.mean():g}, Init: {init:.0f}, {name}: {runs.mean():g}")
if flags["enable_op_profiling"] == "true" and wording != "litert":
    print("""
Number of nodes executed: 5
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t                 CONV_2D\t        3\t     1.200\t    60.000%\t    60.000%\t     0.000\t        3
\t Convolution (NHWC, F32)\t        1\t     0.700\t    35.000%\t    95.000%\t     0.000\t        1
\t                 SOFTMAX\t        1\t     0.100\t     5.000%\t   100.000%\t     0.000\t        1

Timings (microseconds): count=100 first=2000 curr=2000 min=1990 max=2100 avg=2000 std=10
""")
