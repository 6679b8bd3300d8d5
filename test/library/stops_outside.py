"""Tests marked `stops_outside` are about ANYMETAL_BOUNDS=error, those marked `goes_on_outside` about all else. `error` is what the
reference executor does by default. The others are skipped. For conftest.py files: one of all folders would put `test` before the
packages that its folders are named as."""

import os

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "stops_outside: needs ANYMETAL_BOUNDS=error")
    config.addinivalue_line("markers", "goes_on_outside: ANYMETAL_BOUNDS=error ends it")


def pytest_collection_modifyitems(items):
    default = "error" if os.environ.get("ANYMETAL_EXECUTOR") == "reference" else "robust"
    stops = os.environ.get("ANYMETAL_BOUNDS", default) == "error"
    marker, reason = ("goes_on_outside", "ANYMETAL_BOUNDS=error ends it") if stops else ("stops_outside", "needs ANYMETAL_BOUNDS=error")
    for item in items:
        if item.get_closest_marker(marker):
            item.add_marker(pytest.mark.skip(reason=reason))
