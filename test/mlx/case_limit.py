"""A pytest plugin: a case that takes longer than ANYMETAL_CASE_SECONDS fails, with a text that run_mlx_tests.py knows.

The alarm goes on ringing, since a case of many subtests takes an exception as the failure of one of them and goes on.
"""

import os
import signal

import pytest

SECONDS = float(os.environ.get("ANYMETAL_CASE_SECONDS", "0"))
TEXT = "took too long"


class TookTooLong(Exception):
    pass


def ring(number, frame):
    """Only in the test's own code, or what it calls: pytest doesn't expect an exception in its reports of subtests."""
    while frame:
        name = frame.f_code.co_filename
        if os.path.basename(name).startswith(("test_", "mlx_tests")):
            raise TookTooLong(f"{TEXT}: more than {SECONDS:.0f} s")
        if any(part in name for part in ("_pytest", "pluggy", "unittest", "contextlib")):
            return
        frame = frame.f_back


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.05 if SECONDS else 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
