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
    raise TookTooLong(f"{TEXT}: more than {SECONDS:.0f} s")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 0.5 if SECONDS else 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
