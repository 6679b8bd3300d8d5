"""What a kernel should give: its text compiled by Clang as plain host C++ (host/), run thread by thread."""

import ctypes
import os
import subprocess
from pathlib import Path

HOST = Path(__file__).parent / "host"
FLAGS = ["-std=c++20", "-O0", "-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off", "-Xclang", "-ffloat16-excess-precision=none", "-shared", "-fPIC",
         "-Wno-everything", "-Werror=return-type", "-fsigned-char", f"-I{HOST}"]

ENTRY = """
extern "C" bool run_{n}(host::Launch& launch) {{
  return host::run(launch, [](host::Launch& l, const host::Place& p) {{
    const auto vector = [](host::Size s) {{ return uint3{{s.x, s.y, s.z}}; }};
    k{n}::fuzz(static_cast<const int*>(l.buffers[0]), static_cast<const float*>(l.buffers[1]),
               static_cast<const half*>(l.buffers[2]), static_cast<int*>(l.buffers[3]), static_cast<float*>(l.buffers[4]),
               static_cast<metal::atomic_uint*>(l.buffers[5]), *static_cast<int*>(l.buffers[6]), vector(p.in_grid),
               vector(p.in_threadgroup), vector(p.group), vector(p.grid), vector(p.threads_per_threadgroup),
               p.index_in_threadgroup, p.lane, p.simdgroup, p.simdgroups);
  }});
}}
"""


class Refused(Exception):
    """The text isn't C++ (only a text that was cut down may be refused)."""


class Size(ctypes.Structure):
    _fields_ = [("x", ctypes.c_uint32), ("y", ctypes.c_uint32), ("z", ctypes.c_uint32)]


class Launch(ctypes.Structure):
    _fields_ = [("grid", Size), ("threadgroup", Size), ("buffers", ctypes.c_void_p * 8)]


count = 0


def compile_all(texts, folder):
    """Compiles kernels into one library; gives a list of functions (grid, threadgroup, buffers) -> whether it came to an end."""
    global count
    count += 1  # a name of its own: the loader takes a second library of one name for the first
    source, library = (folder / f"{os.getpid()}-{count}{suffix}" for suffix in (".cc", ".so"))
    parts = ["#include <metal_stdlib>\n"]
    for n, text in enumerate(texts):
        parts += [f"namespace k{n} {{\n#line 1 \"k{n}.metal\"\n", text, "}\n", ENTRY.format(n=n)]
    source.write_text("".join(parts))
    done = subprocess.run(["clang++-19", *FLAGS, str(source), "-o", str(library)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(done.stderr)
    loaded = ctypes.CDLL(str(library))
    source.unlink()
    library.unlink()

    def runner(function):
        function.argtypes, function.restype = [ctypes.POINTER(Launch)], ctypes.c_bool

        def run(grid, threadgroup, buffers):
            launch = Launch(Size(*grid), Size(*threadgroup))
            for n, buffer in enumerate(buffers):
                launch.buffers[n] = buffer.ctypes.data
            return function(ctypes.byref(launch))
        return run

    return [runner(getattr(loaded, f"run_{n}")) for n in range(len(texts))]
