"""These tests run with anymetal in MLX."""

import sys
from pathlib import Path

import anymetal  # noqa: F401

sys.path.append(str(Path(__file__).parents[1] / "library"))
from stops_outside import pytest_collection_modifyitems, pytest_configure  # noqa: E402, F401
