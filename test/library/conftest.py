from stops_outside import pytest_collection_modifyitems, pytest_configure  # noqa: F401
