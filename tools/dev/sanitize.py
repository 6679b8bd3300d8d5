"""Builds everything under sanitizers and runs the tests there: ./dev sanitize [address|thread], both unless one is named.

address: AddressSanitizer with UndefinedBehaviorSanitizer, leaks included; every CTest entry (the GoogleTest programs of all
rooms, the C++ examples, test/stress/two_queues.cc), then MLX: examples/ and test/mlx through an instrumented adapter, with the
sanitizer loaded before Python. thread: ThreadSanitizer; the CTest entries. What sanitizers write is collected in
build-asan/reports/ or build-tsan/reports/, so that a report counts even if the process that wrote it was a test's child. What
is suppressed, and why, stands in test/sanitizers/*.txt.
"""

import os
import subprocess

from dev.build import build, environment
from dev.demo import run_examples
from dev.machine import PYTHON, ROOT, Stop
from dev.test import Count, run_ctest, run_pytest

KINDS = {"address": "build-asan", "thread": "build-tsan"}
LISTS = ROOT / "test" / "sanitizers"
STATUS = 99  # of a process that a sanitizer ended: neither a test's nor pytest's


def settings(name, folder):
    """The environment of a sanitized process."""
    every = f"exitcode={STATUS}:log_path={folder / 'reports' / 'sanitizer'}"
    own = {
        "address": {
            "ASAN_OPTIONS": f"{every}:detect_stack_use_after_return=0:suppressions={LISTS / 'address.txt'}",
            "LSAN_OPTIONS": f"suppressions={LISTS / 'leaks.txt'}:print_suppressions=0",
            "UBSAN_OPTIONS": f"print_stacktrace=1:{every}",
        },
        "thread": {"TSAN_OPTIONS": f"{every}:second_deadlock_stack=1:suppressions={LISTS / 'thread.txt'}"},
    }[name]
    return {**environment(folder), **{key: os.environ.get(key) or value for key, value in own.items()}}


def under_python(settings):
    """What Python needs beyond: the sanitizer's library first, and no search for leaks, of which the interpreter has many."""
    found = subprocess.run(["clang-19", "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True, text=True)
    library = found.stdout.strip()
    if not os.path.isabs(library):
        raise Stop("Clang's shared AddressSanitizer isn't there (Debian's libclang-rt-19-dev)")
    return {**settings, "LD_PRELOAD": library, "ASAN_OPTIONS": settings["ASAN_OPTIONS"] + ":detect_leaks=0"}


def run_mlx(folder, count, settings):
    failed = run_examples(settings)
    count.passed += len(list((ROOT / "examples").glob("*.py"))) - len(failed)
    count.failures += failed
    run_pytest(folder, count, [ROOT / "test" / "mlx"], settings)


def reports(folder):
    return sorted((folder / "reports").glob("sanitizer.*"))


def sanitize(name):
    folder = build(KINDS[name])
    count, own = Count(), settings(name, folder)
    run_ctest(folder, count, [], own, seconds=3000)
    if name == "address":
        run_mlx(folder, count, under_python(own))
    for report in reports(folder):
        print(f"\n{report.relative_to(ROOT)}\n{report.read_text(errors='replace')[:6000]}")
        count.failures.append(str(report.relative_to(ROOT)))
    for failure in count.failures:
        print(f"failed: {failure}")
    print(f"{name}: {count.passed} passed, {len(count.failures)} failed, {count.skipped} skipped", flush=True)
    return not count.failures and count.passed


def run(arguments):
    unknown = [name for name in arguments if name not in KINDS]
    if unknown:
        raise Stop(f"no sanitizer '{unknown[0]}': ./dev sanitize [address|thread]", 2)
    clean = [sanitize(name) for name in arguments or KINDS]
    return 0 if all(clean) else 1
