"""native/*.cc, compiled for this machine and called by ctypes."""

import ctypes
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "native"
# fast-math only where it is compiled: when linking, it would change rounding for the whole process.
FLAGS = ["-std=c++20", "-O3", "-mprefer-vector-width=512", "-ffast-math", "-fPIC", "-pthread"]
MACHINES = {"native": "native", "avx2": "x86-64-v3"}


def build(folder, machine="native"):
    """The path of the library; compiled anew if its text or the compiler's flags changed."""
    compiler = next((name for name in ("clang++-19", "clang++") if shutil.which(name)), None)
    if compiler is None:
        raise RuntimeError("there is no clang++-19")
    sources = sorted(HERE.glob("*.cc"))
    flags = [*FLAGS, f"-march={MACHINES[machine]}"]
    text = b"".join(path.read_bytes() for path in sorted(HERE.iterdir())) + " ".join(flags).encode()
    target = Path(folder) / f"native_{machine}_{hashlib.sha256(text).hexdigest()[:12]}.so"
    if not target.exists():
        Path(folder).mkdir(parents=True, exist_ok=True)
        objects = []
        for source in sources:
            objects.append(str(target.with_name(f"{target.stem}_{source.stem}.o")))
            subprocess.run([compiler, *flags, "-c", str(source), "-o", objects[-1]], check=True)
        made = target.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-shared", "-pthread", *objects, "-o", str(made)], check=True)
        made.rename(target)
    return target


def load(path):
    library = ctypes.CDLL(str(path))
    library.limit_operations.restype = ctypes.c_long
    library.limit_multiply_add.restype = ctypes.c_float
    library.limit_read.restype = ctypes.c_float
    return library


def arguments(values):
    """Arrays as pointers, floats as floats, integers as longs."""
    def one(value):
        if isinstance(value, np.ndarray):
            return ctypes.c_void_p(value.ctypes.data)
        return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_long(value)
    return [one(value) for value in values]


def caller(function, *values):
    """A call that keeps its arrays alive."""
    made = arguments(values)
    return lambda keep=values: function(*made)
