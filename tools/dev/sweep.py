"""`./dev sweep`: the kernel library over all sizes and conditions, against NumPy and its LAPACK in double; the program is in kernels/sweep/.

Without names all functions, for some minutes of processor time. `--page docs/kernels-correctness.md` writes the result down."""

import os
import subprocess

from dev.build import build, environment
from dev.machine import PYTHON, ROOT


def run(arguments):
    folder = build(targets=["anymetal_kernels_python", "anymetal_native", "anymetal_mlx"])
    # -P: the checkout has a folder mlx/ too, which is not to be found.
    command = [str(PYTHON), "-P", str(ROOT / "kernels" / "sweep" / "main.py"), *arguments]
    return subprocess.run(command, env=environment(folder), cwd=os.getcwd(), preexec_fn=lambda: os.nice(10)).returncode
