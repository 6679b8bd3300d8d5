"""Tests of the kernel library. They run on the CPU executor; on the reference executor, which is slow by intention, only those marked
`on_reference` do, with small sizes."""

import os
import sys
from pathlib import Path

import pytest

import anymetal  # noqa: F401

os.environ.setdefault("ANYMETAL_GEMM_TUNE", "off")  # the same tiles in each run

sys.path.append(str(Path(__file__).parent))  # judged.py


def pytest_configure(config):
    config.addinivalue_line("markers", "on_reference: small enough for the reference executor")


def pytest_collection_modifyitems(items):
    if os.environ.get("ANYMETAL_EXECUTOR") != "reference":
        return
    for item in items:
        if Path(__file__).parent in item.path.parents and not item.get_closest_marker("on_reference"):
            item.add_marker(pytest.mark.skip(reason="too slow on the reference executor"))
