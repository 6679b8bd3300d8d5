"""Removes what was built."""

import shutil

from dev.build import KINDS
from dev.machine import ROOT


def run(arguments):
    for name in [*KINDS, *(["dist", ".venv"] if "--all" in arguments else [])]:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    return 0
