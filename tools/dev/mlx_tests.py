"""MLX's own tests, unmodified, from a checkout that the user names."""

import subprocess

from dev.build import build, environment
from dev.machine import PYTHON, ROOT, Stop


def run(arguments):
    if not arguments:
        raise Stop("name a checkout of MLX: ./dev mlx-tests DIR [test_fast ...]", 2)
    folder = build()
    script = ROOT / "test" / "mlx" / "run_mlx_tests.py"
    return subprocess.run([PYTHON, script, *arguments], env=environment(folder)).returncode
