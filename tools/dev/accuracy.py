"""`./dev bench accuracy`: the errors of Metal's math functions, measured, into bench/accuracy/record.tsv and docs/accuracy.md.

Without more words the sample of `./dev test`, all functions (half a minute). With --all every float (2^32) of the functions
that are named, or of all that have one operand, on the CPU executor: about a minute a function on two quiet cores (five on the
reference executor). The record keeps both.
"""

import os
import subprocess

from dev.build import build
from dev.machine import ROOT, Stop

RECORD = ROOT / "bench" / "accuracy" / "record.tsv"
PAGE = ROOT / "docs" / "accuracy.md"


def measure(arguments):
    folder = build(targets=["anymetal_accuracy"])
    chosen = list(arguments)
    if "--all" in chosen and "--type" not in chosen:
        # The other types are measured whole in every run.
        chosen += ["--type", "float"]
    if "--all" in chosen and "--spelling" not in chosen:
        # What everybody gets. The sample watches the other spellings.
        chosen += ["--spelling", "safe"]
    if "--all" in chosen and "--executor" not in chosen:
        chosen += ["--executor", "cpu"]
    command = [folder / "bench" / "accuracy" / "anymetal_accuracy", "--record", RECORD, "--page", PAGE, *chosen]
    status = subprocess.run([str(part) for part in command], preexec_fn=lambda: os.nice(10)).returncode
    if status == 2:
        raise Stop("usage: ./dev bench accuracy [--all] [--executor reference|cpu] [--type T] [--spelling S] [--threads N] [FUNCTION...]", 2)
    print(f"written: {RECORD.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
    return status
