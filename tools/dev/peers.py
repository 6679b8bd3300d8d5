"""`./dev bench peers`: our kernels beside hand-written C++, OpenCL runtimes, BLAS, NumPy and MLX; the programs are in bench/peers/.

The peers that nothing else needs get an environment of their own, build/peers/venv. One that can't be had on this machine is left out,
and the table says so.
"""

import os
import subprocess
import sys

from dev.build import build, environment
from dev.machine import PYTHON, ROOT

PROGRAMS = ROOT / "bench" / "peers"
FOLDER = ROOT / "build" / "peers"


def install():
    """The Intel OpenCL runtime and pyopencl; without a network they are left out."""
    requirements = PROGRAMS / "requirements.txt"
    stamp = FOLDER / "venv" / "installed"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return
    print("installing peers into build/peers/venv", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    python = FOLDER / "venv" / "bin" / "python"
    for command in ([sys.executable, "-m", "venv", FOLDER / "venv"],
                    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]):
        if subprocess.run([str(part) for part in command]).returncode != 0:
            print("these peers can't be installed, and will be missing", flush=True)
            return
    stamp.write_text(requirements.read_text())


def measure_kernels(arguments):
    """`./dev bench kernels`: the kernel library's rows; SciPy, which nothing else needs, is found in the environment of the peers."""
    folder = build(targets=["anymetal_kernels_python", "anymetal_native", "anymetal_mlx"])
    install()
    packages = next((FOLDER / "venv" / "lib").glob("python*/site-packages"), "")
    settings = environment(folder) | {"PEERS_BUILD": str(FOLDER), "PEERS_PACKAGES": str(packages)}
    return subprocess.run([str(PYTHON), str(ROOT / "bench" / "kernels" / "main.py"), *arguments], env=settings, cwd=os.getcwd()).returncode


def measure(arguments):
    if "-h" not in arguments and "--help" not in arguments:
        folder = build(targets=["anymetal_native", "anymetal_peers_launch"])
        install()
    else:
        folder = ROOT / "build"
    settings = environment(folder) | {"PEERS_BUILD": str(FOLDER)}
    return subprocess.run([str(PYTHON), str(PROGRAMS / "main.py"), *arguments], env=settings, cwd=os.getcwd()).returncode
