#!/usr/bin/env python3
"""Runs MLX's own tests, unmodified, with anymetal and without its gates, and compares.

    run_mlx_tests.py DIR [FILE ...]      DIR: a checkout of MLX; FILE: test_fast, test_device, ... (default: all)

Well, if nothing fails with the gates open that passes with them off, but for the cases in mlx_expected.txt, and if every
custom-kernel case and all of test_device.py pass. A checkout of the installed MLX's own version compares best: cases that fail
in both ways are counted, and don't matter.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent


def read_expected() -> dict[str, str]:
    lines = (HERE / "mlx_expected.txt").read_text().splitlines()
    return dict(line.split("  ", 1) for line in lines if line and not line.startswith("#"))


def run_file(file: Path, gates: str, report: Path) -> dict[str, str]:
    """The state of each case: passed, failed, skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "anymetal", "-p", "no:cacheprovider", f"--junitxml={report}", file.name]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True,
                          env={**os.environ, "ANYMETAL_GATES": gates})
    if not report.exists():
        print(done.stdout[-2000:], done.stderr[-2000:])
        return {f"{file.name}::(the process died)": "failed"}
    states: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{file.name}::{case.get('classname').split('.')[-1]}::{case.get('name')}"
        failed = case.find("failure") is not None or case.find("error") is not None
        state = "failed" if failed else "skipped" if case.find("skipped") is not None else "passed"
        if states.get(name) != "failed":  # a case is reported once more for each of its failed parts
            states[name] = state
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
        elif state == "failed" and closed.get(name) != "failed" and name not in expected:
            complaints.append(f"{name}: fails with the gates open ({closed.get(name, 'not run')} with them off)")
    return complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="a checkout of MLX")
    parser.add_argument("files", nargs="*", help="test_fast, test_device, ...")
    arguments = parser.parse_args()
    tests = (arguments.directory / "python" / "tests").resolve()
    if not tests.is_dir():
        print(f"{tests} isn't there: name the folder of a checkout of MLX", file=sys.stderr)
        return 2
    names = [Path(name).stem for name in arguments.files] or sorted(path.stem for path in tests.glob("test_*.py"))
    expected, complaints, totals = read_expected(), [], {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            opened = run_file(tests / f"{name}.py", "on", Path(folder) / f"{name}.on.xml")
            closed = run_file(tests / f"{name}.py", "off", Path(folder) / f"{name}.off.xml")
            counts = {state: sum(value == state for value in opened.values()) for state in totals}
            for state, count in counts.items():
                totals[state] += count
            print(f"{name}: " + ", ".join(f"{count} {state}" for state, count in counts.items()), flush=True)
            complaints += compare(opened, closed, expected)
    print("all: " + ", ".join(f"{count} {state}" for state, count in totals.items()))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
