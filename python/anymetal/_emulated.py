"""Importing this does what ``python -m anymetal`` does before it runs a script."""

from .__main__ import emulate

emulate()
