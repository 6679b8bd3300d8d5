#!/usr/bin/env python3
"""Runs MLX's own tests, unmodified, with anymetal and without its gates, and compares.

    run_mlx_tests.py DIR [FILE ...] [--seconds N]
                                         DIR: a checkout of MLX; FILE: test_fast, test_device, ... (default: all)

Well, if nothing fails with the gates open that passes with them off, but for the cases in mlx_expected.txt, and if every
custom-kernel case and all of test_device.py pass. A checkout of the installed MLX's own version compares best: cases that fail
in both ways are counted, and don't matter.

With the gates open, MLX's tests take sizes and types that they keep for GPUs, and run cases that they skip without one as "too
slow on CPU". A case that takes longer than N seconds (120) is stopped and called slow: a complaint only if it passes with the
gates off.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from case_limit import TEXT

HERE = Path(__file__).resolve().parent
STATES = ["passed", "skipped", "failed", "slow"]  # the later counts, if parts of a case differ


def read_expected() -> dict[str, str]:
    lines = (HERE / "mlx_expected.txt").read_text().splitlines()
    return dict(line.split("  ", 1) for line in lines if line and not line.startswith("#"))


def state_of(case: ElementTree.Element) -> str:
    problems = [*case.iter("failure"), *case.iter("error")]
    if any(TEXT in (problem.get("message") or "") + (problem.text or "") for problem in problems):
        return "slow"
    return "failed" if problems else "skipped" if case.find("skipped") is not None else "passed"


def run_file(file: Path, gates: str, seconds: int, report: Path) -> dict[str, str]:
    """The state of each case: passed, failed, skipped, slow."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "anymetal", "-p", "case_limit", "-p", "no:cacheprovider",
               f"--junitxml={report}", file.name]
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": path, "ANYMETAL_GATES": gates, "ANYMETAL_CASE_SECONDS": str(seconds)})
    if not report.exists():
        print(done.stdout[-2000:], done.stderr[-2000:])
        return {f"{file.name}::(the process died)": "failed"}
    states: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{file.name}::{(case.get('classname') or '').split('.')[-1]}::{case.get('name')}"
        # A case is reported once more for each of its parts that failed.
        states[name] = max(state_of(case), states.get(name, "passed"), key=STATES.index)
    return states


def must_pass(name: str) -> bool:
    """Custom kernels, and the tests of devices and streams. What asks for CUDA is skipped."""
    return (name.startswith("test_device.py") or "custom_kernel" in name or "custom_metal_kernel" in name
            or "metal_kernel" in name) and "cuda" not in name


def compare(opened: dict[str, str], closed: dict[str, str], expected: dict[str, str]) -> list[str]:
    complaints = []
    for name, state in opened.items():
        if must_pass(name) and state != "passed":
            complaints.append(f"{name}: {state}, must pass")
        elif state == "slow" and closed.get(name) == "passed" and name not in expected:
            complaints.append(f"{name}: too slow with the gates open")
        elif state == "failed" and closed.get(name) not in ("failed", "slow") and name not in expected:
            complaints.append(f"{name}: fails with the gates open ({closed.get(name, 'not run')} with them off)")
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="a checkout of MLX")
    parser.add_argument("files", nargs="*", help="test_fast, test_device, ...")
    parser.add_argument("--seconds", type=int, default=120, metavar="N", help="the most that a case may take (120)")
    arguments = parser.parse_args()
    tests = (arguments.directory / "python" / "tests").resolve()
    if not tests.is_dir():
        print(f"{tests} isn't there: name the folder of a checkout of MLX", file=sys.stderr)
        return 2
    names = [Path(name).stem for name in arguments.files] or sorted(path.stem for path in tests.glob("test_*.py"))
    expected, complaints, totals = read_expected(), [], dict.fromkeys(STATES, 0)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            clock = [time.monotonic()]
            opened = run_file(tests / f"{name}.py", "on", arguments.seconds, Path(folder) / f"{name}.on.xml")
            clock.append(time.monotonic())
            closed = run_file(tests / f"{name}.py", "off", arguments.seconds, Path(folder) / f"{name}.off.xml")
            clock.append(time.monotonic())
            took = [end - start for start, end in zip(clock, clock[1:])]
            counts = {state: sum(value == state for value in opened.values()) for state in totals}
            for state, count in counts.items():
                totals[state] += count
            print(f"{name}: " + ", ".join(f"{count} {state}" for state, count in counts.items())
                  + f" (gates open {took[0]:.0f} s, off {took[1]:.0f} s)", flush=True)
            complaints += compare(opened, closed, expected)
    print("all: " + ", ".join(f"{count} {state}" for state, count in totals.items()))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
