"""The main job of the house, to look at: each of examples/ runs through MLX.

An example prints lines 'WHAT | error E | T ms'; its error is against NumPy, and its time is that of a first call, with
compilation if no cache has the kernel.
"""

import os
import re
import subprocess
import sys

from dev.build import build, environment
from dev.machine import PYTHON, ROOT

NEEDED = ["anymetal_mlx", "anymetal_native", "anymetal_tool"]  # no tests: the first look shouldn't wait for them
LINE = re.compile(r"^(?P<what>.*) \| error (?P<error>\S+) \| (?P<time>\S+) ms$", re.M)


def run_example(path, settings):
    """(rows, None), or (rows so far, what went wrong)."""
    done = subprocess.run([str(PYTHON), "-m", "anymetal", str(path)], env=settings, capture_output=True, text=True,
                          timeout=300)
    rows = [(match["what"], match["error"], match["time"]) for match in LINE.finditer(done.stdout)]
    if done.returncode != 0:
        return rows, (done.stdout + done.stderr).strip()
    return rows, None if rows else "it printed no result"


def show(script, rows):
    for what, error, time in rows:
        print(f"{script:<22}{what:<52}{error:>10}{time:>12}", flush=True)
        script = ""


def run_examples(settings):
    """Prints the table; returns how many examples failed."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    print(f"\n{bold}{'example':<22}{'computed':<52}{'error':>10}{'time, ms':>12}{plain}", flush=True)
    failures = []
    for path in sorted((ROOT / "examples").glob("*.py")):
        rows, failure = run_example(path, settings)
        show(path.name, rows)
        if failure:
            failures.append(path.name)
            print(f"{'' if rows else path.name:<22}FAILED\n\n{failure}\n")
    return failures


def run(arguments):
    folder = build(targets=NEEDED)
    failures = run_examples(environment(folder))
    if failures:
        print(f"\nfailed: {', '.join(failures)}")
        return 1
    print("\nMLX ran these Metal kernels on the CPU of this machine; errors are against NumPy. Look into examples/.")
    return 0
