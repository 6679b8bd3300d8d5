"""SLEEF's exp, where its library is installed."""

import ctypes.util
import os
import subprocess
from pathlib import Path

import numpy as np

import native_code

TEXT = """#include <immintrin.h>
#include <sleef.h>
#include "%s/threads.h"
extern "C" void sleef_exp(const float* x, float* y, long n) {
  native::share(n, 1 << 16, [=](long first, long last) {
#ifdef __AVX512F__
    for (long i = first; i < last; i += 16) _mm512_storeu_ps(y + i, Sleef_expf16_u10(_mm512_loadu_ps(x + i)));
#else
    for (long i = first; i < last; i += 8) _mm256_storeu_ps(y + i, Sleef_expf8_u10(_mm256_loadu_ps(x + i)));
#endif
  });
}
"""


class Peer:
    def __init__(self, variant):
        if ctypes.util.find_library("sleef") is None:
            raise RuntimeError("SLEEF isn't installed (Debian's libsleef-dev)")
        folder = Path(os.environ["PEERS_BUILD"])
        native_code.build(folder)
        source, target = folder / "sleef.cc", folder / "sleef.so"
        source.write_text(TEXT % native_code.HERE)
        subprocess.run(["clang++-19", *native_code.FLAGS[:3], "-march=native", "-fPIC", "-shared", "-pthread", str(source),
                        str(native_code.HERE / "threads.cc"), "-o", str(target), "-lsleef"], check=True)
        self.code = ctypes.CDLL(str(target))
        self.version = f"SLEEF, {ctypes.util.find_library('sleef')}"

    def exp(self, row, sizes, data):
        y = np.zeros_like(data["x"])
        return native_code.caller(self.code.sleef_exp, data["x"], y, sizes["n"]), lambda: y
