"""Configures and builds with CMake and Ninja. Each kind of build has a folder of its own."""

import os
import subprocess
import time

from dev.machine import PYTHON, ROOT, Stop, call, setup

# What each folder is configured with, beyond the compilers.
KINDS = {
    "build": [],
    "build-fuzz": ["-DANYMETAL_SANITIZE=address;undefined", "-DANYMETAL_FUZZ=ON", "-DANYMETAL_TESTS=OFF",
                   "-DANYMETAL_MLX=OFF"],
    "build-asan": ["-DANYMETAL_SANITIZE=address;undefined"],
    "build-tsan": ["-DANYMETAL_SANITIZE=thread", "-DANYMETAL_MLX=OFF"],
    "build-wheel": [],  # pyproject.toml configures it
}


def configure(kind="build"):
    folder = ROOT / kind
    command = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_C_COMPILER=clang-19",
               "-DCMAKE_CXX_COMPILER=clang++-19", f"-DPython_EXECUTABLE={PYTHON}", *KINDS[kind]]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Stop(done.stdout + done.stderr + "CMake could not configure the build")
    return folder


def build(kind="build", targets=()):
    """Builds and returns the folder. Progress shows as Ninja's own line."""
    setup()
    folder = configure(kind)
    start = time.monotonic()
    environment = {**os.environ, "NINJA_STATUS": "[%f/%t, %es] "}
    call(["ninja", "-C", folder, *targets], env=environment)
    print(f"built {kind} in {time.monotonic() - start:.0f} s", flush=True)
    return folder


def environment(folder):
    """What a process needs to use the build in `folder` in place of an installed package."""
    path = [str(folder / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    # A kernel cache of its own: tests neither profit from the user's nor fill it.
    cache = os.environ.get("ANYMETAL_CACHE_DIR", str(folder / "cache"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "ANYMETAL_CACHE_DIR": cache}


def run(arguments):
    build(targets=arguments)
    return 0
