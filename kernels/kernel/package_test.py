"""What the package tells C++ programs: an example is compiled as a user would compile it, without and with CMake, and run without Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anymetal import kernels

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cpp" / "least_squares.cc"
COMPILER = shutil.which("c++") or shutil.which("clang++-19") or shutil.which("clang++")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")


def ask(*options):
    return subprocess.run([sys.executable, "-P", "-m", "anymetal.kernels", *options], capture_output=True, text=True)


def run_example(program):
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_PRELOAD")}
    done = subprocess.run([program], env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("y = 3.00 x -2.00")


def test_flags_compile_the_example(tmp_path):
    flags = ask("--cflags", "--libs").stdout.split()
    done = subprocess.run([COMPILER, "-std=c++20", EXAMPLE, *flags, "-o", tmp_path / "program"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run_example(tmp_path / "program")


def test_cmake_finds_the_package(tmp_path):
    import mlx.core as mx

    (tmp_path / "CMakeLists.txt").write_text(f"""cmake_minimum_required(VERSION 3.25)
project(example LANGUAGES CXX)
find_package(anymetal-kernels REQUIRED)
add_executable(example "{EXAMPLE}")
target_link_libraries(example PRIVATE anymetal::kernels)
""")
    settings = [f"-DCMAKE_CXX_COMPILER={COMPILER}", f"-Danymetal-kernels_DIR={ask('--cmake-dir').stdout.strip()}", f"-DANYMETAL_MLX_ROOT={Path(mx.__file__).parent}"]
    for command in (["cmake", "-S", tmp_path, "-B", tmp_path / "build", *settings], ["cmake", "--build", tmp_path / "build"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    run_example(tmp_path / "build" / "example")


def test_other_questions_are_answered_with_the_usage():
    done = ask("--cflag")
    assert done.returncode == 2 and "--cmake-dir" in done.stdout
    assert ask("--help").returncode == 0


def test_the_module_shows_public_names_only():
    assert dir(kernels) == kernels.__all__
    assert not [name for name in dir(kernels) if name.startswith("_")]
