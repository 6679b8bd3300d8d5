"""Measures what a user waits for, and prints medians beside their aims: cold compilation, disk, memory, start-up.

bench/launch_bench measures inside one process; start-up is measured from outside, with fresh processes that import MLX alone
and anymetal in turn, so that whatever else the machine does disturbs both. Numbers are to be looked at: none of them fails.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from dev import accuracy, peers
from dev.build import build, environment
from dev.machine import PYTHON, ROOT, Stop

REPEATS = 9
SCALE = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
# launch_bench's name: what it is in words, and its aim in seconds.
LAUNCHES = {
    "cold_compile": ("cold compilation and launch of myexp", 60e-3),
    "from_disk": ("pipeline of myexp from the disk cache", 3e-3),
    "from_memory": ("call to end of a launch, kernel in memory", 10e-6),
    "pipeline_run": ("the same without metal_kernel", None),
}
STARTUP = ("import anymetal, beyond import mlx.core", 150e-3)


@dataclass
class Row:
    name: str
    what: str
    aim: float | None
    times: list

    @property
    def median(self):
        return statistics.median(self.times)

    @property
    def ratio(self):
        return None if self.aim is None else self.median / self.aim

    def record(self):
        return {"name": self.name, "what": self.what, "median_s": self.median, "aim_s": self.aim, "ratio": self.ratio,
                "times_s": self.times}


def mlx_include():
    """Where MLX's headers are: kernels that need MLX's helpers have them in front."""
    code = "import importlib.util as u; print(u.find_spec('mlx').submodule_search_locations[0], end='/include')"
    return subprocess.run([PYTHON, "-I", "-c", code], capture_output=True, text=True, check=True).stdout


def run_benchmark(folder, program, options):
    """The entries of Google Benchmark's report."""
    report = folder / f"{program}.json"
    report.unlink(missing_ok=True)
    command = [folder / "bench" / program, f"--benchmark_out={report}", "--benchmark_out_format=json", *options]
    settings = {"ANYMETAL_MLX_INCLUDE": mlx_include(), **os.environ}
    done = subprocess.run([str(part) for part in command], env=settings, capture_output=True, text=True)
    if done.returncode != 0 or not report.exists():
        raise Stop(f"{program} failed with status {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(report.read_text())["benchmarks"]


def measure_launches(folder):
    times = {}
    # The plain number is right for every version of Google Benchmark that Debian has had.
    for entry in run_benchmark(folder, "launch_bench", [f"--benchmark_repetitions={REPEATS}", "--benchmark_min_time=0.1"]):
        if entry.get("error_occurred"):
            raise Stop(f"launch_bench: {entry['name']}: {entry.get('error_message')}")
        if entry["run_type"] == "iteration":
            times.setdefault(entry["run_name"], []).append(entry["real_time"] * SCALE[entry["time_unit"]])
    return [Row(name, *LAUNCHES.get(name, (name, None)), values) for name, values in times.items()]


STAGES = ["parse", "emit", "passes", "code", "link"]
# Of one compilation, in seconds.
COMPILE_AIMS = {"myexp": 30e-3}
LARGE_AIM = 150e-3


def compilations(entries):
    """By kernel: medians of the stages and of the way from the disk cache, or why there are none."""
    found = {}
    for entry in entries:
        kernel, way = entry["run_name"].split("/")[:2]
        row = found.setdefault(kernel, {stage: [] for stage in [*STAGES, "disk", "error"]})
        if entry.get("error_occurred"):
            row["error"].append(entry["error_message"].strip().splitlines()[0])
        elif entry["run_type"] == "iteration" and way == "cold":
            for stage in STAGES:
                row[stage].append(entry[stage])
        elif entry["run_type"] == "iteration":
            row["disk"].append(entry["real_time"] * SCALE[entry["time_unit"]])
    return {kernel: {name: statistics.median(values) if values and name != "error" else None for name, values in row.items()}
            | {"error": row["error"][0] if row["error"] else None} for kernel, row in found.items()}


def bench_compile():
    """Stages of a compilation: parse and emit are the front end, passes and code the back end."""
    folder = build(targets=["compile_bench"])
    load = os.getloadavg()[0]
    rows = compilations(run_benchmark(folder, "compile_bench", [f"--benchmark_repetitions={REPEATS}",
                                                                "--benchmark_min_time=0.05"]))
    print("\n" + f"{'kernel':<18}" + "".join(f"{stage:>11}" for stage in [*STAGES, "all", "aim", "from disk"]))
    for kernel, row in rows.items():
        if row["error"]:
            print(f"{kernel:<18}{row['error']}")
            continue
        row["all"] = sum(row[stage] for stage in STAGES)
        row["aim"] = COMPILE_AIMS.get(kernel, LARGE_AIM)
        print(f"{kernel:<18}" + "".join(f"{seconds(row[name]):>11}" for name in [*STAGES, "all", "aim", "disk"]))
    print(f"\nMedians of {REPEATS}. {os.cpu_count()} cores, load {load:.1f} before.")
    path = ROOT / "build" / "bench_compile.json"
    path.write_text(json.dumps({"revision": revision(), "cores": os.cpu_count(), "load_before": load, "rows": rows}, indent=1))
    print(f"written: {path}")
    return 0


def time_process(code, settings):
    start = time.perf_counter()
    # -P: the checkout has a folder mlx/ too, which is not to be found.
    done = subprocess.run([PYTHON, "-P", "-c", code], env=settings, capture_output=True, text=True)
    if done.returncode != 0:
        raise Stop(f"python -c '{code}' failed with status {done.returncode}\n{done.stderr}")
    return time.perf_counter() - start


def measure_startup(folder):
    settings = environment(folder)
    pairs = [(time_process("import mlx.core", settings), time_process("import anymetal", settings))
             for _ in range(REPEATS + 1)]
    # The first pair only brings the files into memory.
    alone, ours = zip(*pairs[1:])
    return [Row("startup_mlx", "import mlx.core alone, whole process", None, list(alone)),
            Row("startup", *STARTUP, [b - a for a, b in zip(alone, ours)])]


def seconds(value):
    if value is None:
        return "-"
    return f"{value * 1e3:.2f} ms" if abs(value) >= 1e-3 else f"{value * 1e6:.2f} µs"


def show(rows):
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    print(f"\n{bold}{'what':<46}{'median':>12}{'aim':>12}{'ratio':>8}{plain}")
    for row in rows:
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        print(f"{row.what:<46}{seconds(row.median):>12}{seconds(row.aim):>12}{ratio:>8}")


def revision():
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None


def read_arguments(arguments):
    if not arguments:
        return ROOT / "build" / "bench.json"
    if len(arguments) != 2 or arguments[0] != "--json":
        raise Stop("usage: ./dev bench [--json FILE], ./dev bench compile, ./dev bench peers [ROW...], ./dev bench kernels [ROW...], or ./dev bench accuracy [--all] [FUNCTION...]", 2)
    return arguments[1]


def run(arguments):
    if arguments == ["compile"]:
        return bench_compile()
    if arguments[:1] == ["accuracy"]:
        return accuracy.measure(arguments[1:])
    if arguments[:1] == ["peers"]:
        return peers.measure(arguments[1:])
    if arguments[:1] == ["kernels"]:
        return peers.measure_kernels(arguments[1:])
    path = read_arguments(arguments)
    folder = build(targets=["launch_bench", "anymetal_mlx"])
    load = os.getloadavg()[0]
    rows = [*measure_launches(folder), *measure_startup(folder)]
    show(rows)
    print(f"\nMedians of {REPEATS}; a ratio under 1 is better than the aim. {os.cpu_count()} cores, load {load:.1f} before.")
    known = {"revision": revision(), "cores": os.cpu_count(), "load_before": load, "system": platform.platform()}
    with open(path, "w") as out:
        json.dump({**known, "rows": [row.record() for row in rows]}, out, indent=1)
        out.write("\n")
    print(f"written: {path}")
    return 0
