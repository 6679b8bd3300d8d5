"""Tests marked `stops_outside` are about ANYMETAL_BOUNDS=error. It is what the reference executor does by default; elsewhere
they are skipped. For conftest.py files: one of all folders would put `test` before the packages that its folders are named as."""

import os

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "stops_outside: needs ANYMETAL_BOUNDS=error")


def pytest_collection_modifyitems(items):
    default = "error" if os.environ.get("ANYMETAL_EXECUTOR") == "reference" else "robust"
    if os.environ.get("ANYMETAL_BOUNDS", default) == "error":
        return
    for item in items:
        if item.get_closest_marker("stops_outside"):
            item.add_marker(pytest.mark.skip(reason="needs ANYMETAL_BOUNDS=error"))
