"""Runs every test: CTest's (each room's GoogleTest program, and whatever else is registered there), then pytest's.

GoogleTest programs run whole and in one process each, because a process that starts Clang pays for it once; the reports that
they leave are counted case by case. The last line is always 'N passed, N failed, N skipped'.
"""

import contextlib
import os
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from dev.build import build, environment
from dev.machine import PYTHON, ROOT


@dataclass
class Count:
    passed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)

    def add(self, case, name):
        if case.find("failure") is not None or case.find("error") is not None:
            self.failures.append(name)
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            self.skipped += 1
        else:
            self.passed += 1


def case_name(case):
    return f"{case.get('classname') or ''}.{case.get('name')}".strip(".")


def run_ctest(folder, count, names, settings=None, seconds=600):
    reports = folder / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir()
    select = ["-R", "|".join(names)] if names else []
    subprocess.run(["ctest", "--test-dir", str(folder), "--output-on-failure", "--timeout", str(seconds), "--no-tests=ignore",
                    "-j", str(os.cpu_count() or 2), "--output-junit", str(reports / "ctest.junit"), *select],
                   env=settings or environment(folder))
    # Whole GoogleTest programs leave a report each (cmake/room.cmake); cases that CTest runs singly are its own.
    seen = {}
    for report in sorted(reports.glob("*.xml")):
        before = len(count.failures)
        for case in ElementTree.parse(report).iter("testcase"):
            count.add(case, case_name(case))
        seen[report.stem] = len(count.failures) - before
    for case in ElementTree.parse(reports / "ctest.junit").iter("testcase"):
        # A GoogleTest program counts by its cases, unless it died before it could report, or after.
        failures = seen.get(case.get("name"))
        if failures is None or (failures == 0 and case.find("failure") is not None):
            count.add(case, case_name(case))


class Pytest:
    """A run of pytest that has begun. What it prints goes to the terminal, or if it isn't watched to a file, until it has ended."""

    def __init__(self, folder, select, settings=None, name="pytest", watched=True):
        self.report = folder / "reports" / f"{name}.junit"
        self.log = None if watched else folder / "reports" / f"{name}.log"
        command = [PYTHON, "-m", "pytest", "-q", f"--junitxml={self.report}", *select]
        with open(self.log, "w") if self.log else contextlib.nullcontext() as output:
            self.process = subprocess.Popen([str(part) for part in command], cwd=ROOT, env=settings or environment(folder),
                                            stdout=output, stderr=subprocess.STDOUT if output else None)

    def finish(self, count):
        status = self.process.wait()
        if self.log:
            print(self.log.read_text(), end="", flush=True)
        if status not in (0, 1, 5):  # 5: no test selected
            count.failures.append(f"pytest itself (status {status})")
        if self.report.exists():
            for case in ElementTree.parse(self.report).iter("testcase"):
                count.add(case, case_name(case))


def run_pytest(folder, count, select, settings=None, name="pytest"):
    Pytest(folder, select, settings, name).finish(count)


# What runs on other executors and checks than the default: whole kernels, and what is about errors outside buffers. CTest has
# entries of its own for it (anymetal_gtest_on_reference).
ON_REFERENCE = ["kernels", "test/run", "test/library", "test/seeds", "test/mlx/test_custom_kernels.py",
                "test/mlx/test_launches.py", "test/mlx/test_bad_input.py", "test/mlx/test_documented_examples.py"]
UNCHECKED = ["test/run"]
# A third of the time of all tests, on one core: it runs beside the others.
ASIDE = "test/coverage"


def run(arguments):
    folder = build()
    count = Count()
    select = ["-k", " or ".join(arguments)] if arguments else []
    run_ctest(folder, count, arguments)
    aside = Pytest(folder, [ASIDE, *select], name="pytest_aside", watched=False)
    run_pytest(folder, count, [f"--ignore={ASIDE}", *select])
    on_reference = environment(folder) | {"ANYMETAL_EXECUTOR": "reference"}
    run_pytest(folder, count, [*ON_REFERENCE, *select], on_reference, name="pytest_on_reference")
    unchecked = environment(folder) | {"ANYMETAL_BOUNDS": "off"}
    run_pytest(folder, count, [*UNCHECKED, *select], unchecked, name="pytest_unchecked")
    aside.finish(count)
    for name in count.failures:
        print(f"failed: {name}")
    print(f"{count.passed} passed, {len(count.failures)} failed, {count.skipped} skipped")
    return 1 if count.failures or not count.passed else 0
