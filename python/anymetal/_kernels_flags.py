"""``python -m anymetal.kernels``: what a compiler must be told to build a C++ program with the kernel library and MLX.

    c++ -std=c++20 program.cc $(python3 -m anymetal.kernels --cflags --libs) -o program
    cmake -S . -B build -Danymetal-kernels_DIR=$(python3 -m anymetal.kernels --cmake-dir)
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent  # not resolved: in a build folder this file is a link


def mlx_folder() -> Path:
    import mlx.core

    return Path(mlx.core.__file__).parent


def cflags() -> list[str]:
    return [f"-I{PACKAGE / 'include'}", f"-isystem{mlx_folder() / 'include'}"]


def libs() -> list[str]:
    """The adapter before MLX: the linker keeps the order, and of two functions of one name the first is called. A Mac's MLX needs none."""
    mlx = mlx_folder() / "lib"
    adapter = [] if sys.platform == "darwin" else ["-Wl,--no-as-needed", "-lanymetal_mlx"]
    return [f"-L{PACKAGE}", f"-L{mlx}", *adapter, "-lanymetal_kernels", "-lmlx", f"-Wl,-rpath,{PACKAGE}", f"-Wl,-rpath,{mlx}"]


ANSWERS = {"--cflags": cflags, "--libs": libs, "--cmake-dir": lambda: [str(PACKAGE / "cmake")]}


def main() -> None:
    asked = sys.argv[1:]
    if not asked or any(each not in ANSWERS for each in asked):
        print(__doc__.strip())
        sys.exit(0 if asked in (["-h"], ["--help"]) else 2)
    print(shlex.join(word for each in asked for word in ANSWERS[each]()))
