"""Hand-written C++ for rows that no library has: kernels/NAME/NAME_bench.cc, compiled for this machine with the pool of bench/peers/native."""

import ctypes
import hashlib
import os
import subprocess
from pathlib import Path

import rows

NATIVE = rows.PEERS / "native"
FLAGS = ["-std=c++20", "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fPIC", "-pthread", f"-I{NATIVE}"]


def library(subject):
    """The functions of kernels/SUBJECT/SUBJECT_bench.cc, `extern "C"`."""
    sources = [rows.KERNELS / subject / f"{subject}_bench.cc", NATIVE / "threads.cc"]
    text = b"".join(path.read_bytes() for path in sources)
    folder = Path(os.environ["PEERS_BUILD"])
    target = folder / f"{subject}_{hashlib.sha256(text + ' '.join(FLAGS).encode()).hexdigest()[:12]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        objects = [target.with_suffix(f".{source.stem}.o") for source in sources]
        for source, made in zip(sources, objects):
            subprocess.run(["clang++-19", *FLAGS, "-c", str(source), "-o", str(made)], check=True)
        # Linked apart: -ffast-math there would change rounding for the whole process.
        subprocess.run(["clang++-19", "-shared", "-pthread", *map(str, objects), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))
