"""torch.mps.compile_shader's form on tensors of the CPU, and whole scripts for "mps". PyTorch itself says what is right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch isn't installed")
import anymetal.torch  # noqa: E402

SOURCE = """
#include <metal_stdlib>
using namespace metal;
kernel void full(device float* out, constant float& value, uint i [[thread_position_in_grid]]) { out[i] = value; }
kernel void full_half(device half* out, constant half& value, uint i [[thread_position_in_grid]]) { out[i] = value; }
kernel void full_int(device int* out, constant int& value, uint i [[thread_position_in_grid]]) { out[i] = value; }
kernel void add(device const float* x, device float* y, constant long* sizes, uint2 i [[thread_position_in_grid]]) {
  y[i.y * sizes[1] + i.x] += x[i.y * sizes[1] + i.x];
}
kernel void pick(device float* out, constant uint3& which, uint i [[thread_position_in_grid]]) { out[i] = which[i]; }
kernel void gather(device float* out, device float* constant* parts, uint i [[thread_position_in_grid]]) {
  out[i] = parts[i][i];
}
kernel void group(device uint* out, uint i [[thread_position_in_grid]], uint n [[threads_per_threadgroup]]) { out[i] = n; }
"""


@pytest.fixture(scope="module")
def library():
    return anymetal.torch.compile_shader(SOURCE)


def test_scalars_and_default_threads(library):
    x = torch.zeros(4, 5)
    library.full(x, 3.14)
    assert torch.equal(x, torch.full((4, 5), 3.14))
    y = torch.zeros(3, dtype=torch.int32)
    library.full_int(y, -7)
    assert y.tolist() == [-7] * 3


@pytest.mark.parametrize("casts", ["fp16", {1: "fp16"}])
def test_casts(library, casts):
    x = torch.zeros(3, dtype=torch.float16)
    library.full_half(x, 0.1, arg_casts=casts)
    assert torch.equal(x, torch.full((3,), 0.1, dtype=torch.float16))


@pytest.mark.parametrize("kernel, dtype, value, advice", [("full", torch.float32, 3, "a Python float"), ("full_half", torch.float16, 1.5, "fp16"),
                                                          ("full_int", torch.int32, 1.5, 'int32'), ("pick", torch.float32, (1, 2, 3), "int32")])
def test_numbers_that_the_kernel_would_misread(library, kernel, dtype, value, advice):
    with pytest.raises(ValueError, match=advice):
        getattr(library, kernel)(torch.zeros(3, dtype=dtype), value)


def test_lists_and_two_dimensions(library):
    x, y = torch.rand(3, 4), torch.rand(3, 4)
    expected = x + y
    library.add(x, y, (3, 4), threads=(4, 3), group_size=(2, 2))
    assert torch.equal(y, expected)
    out = torch.zeros(3)
    library.pick(out, [5, 6, 7], arg_casts="int32")
    assert out.tolist() == [5, 6, 7]


def test_lists_of_tensors_are_pointers(library):
    parts, out = [torch.full((3,), float(i)) + torch.arange(3) / 10 for i in range(3)], torch.zeros(3)
    library.gather(out, parts)
    assert torch.equal(out, torch.stack([parts[i][i] for i in range(3)]))


def test_views_begin_at_their_first_element(library):
    x = torch.zeros(8)
    library.full(x[3:], 1.0, threads=2)
    assert x.tolist() == [0, 0, 0, 1, 1, 0, 0, 0]


def test_group_size(library):
    out = torch.zeros(10, dtype=torch.int32)
    library.group(out, threads=10, group_size=4)
    assert out.tolist() == [4] * 8 + [2] * 2
    library.group(out)
    assert out.tolist() == [10] * 10
    with pytest.raises(ValueError, match="limit is 1,024"):
        library.group(out, threads=10, group_size=2048)
    with pytest.raises(RuntimeError, match="dimensions"):
        library.group(out, threads=(10, 1), group_size=4)


def test_library_and_errors(library):
    assert "full" in dir(library) and library.full.max_threads_per_threadgroup == 1024 and library.full.thread_execution_width == 32
    assert library.full.static_thread_group_memory_length == 0
    with pytest.raises(RuntimeError, match="no kernel `empty`: there are full"):
        library.empty
    with pytest.raises(SyntaxError, match="use of undeclared identifier"):
        anymetal.torch.compile_shader("kernel void f(device int* x) { x[0] = y; }")
    with pytest.raises(RuntimeError, match="Number of threads is undefined"):
        library.full(1.0)
    with pytest.raises(anymetal.KernelError, match="outside"):
        library.full(torch.zeros(4), 1.0, threads=5)


def run_script(*arguments, **environment):
    done = subprocess.run([sys.executable, "-m", "anymetal", *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


def test_a_script_for_mps_runs_unchanged():
    status, output, errors = run_script(Path(__file__).parent / "mps_script.py")
    assert status == 0, errors
    assert "gradients agree" in output and output.count("Cannot convert a MPS Tensor to float64") == 2
    assert "can't emulate torch.mps.load_metallib" in output


def test_threads_have_the_device_too():
    status, output, errors = run_script("-c", """
import threading, torch
def work():
    assert torch.ones(2, device="mps").is_mps
    print("in a thread")
one = threading.Thread(target=work); one.start(); one.join()""")
    assert status == 0 and output == "in a thread\n", errors


def test_moves_copy():
    status, output, errors = run_script("-c", """
import torch
x = torch.zeros(2)
y = x.to("mps"); y += 1
z = y.cpu(); z += 1
print(x.tolist(), y.tolist(), z.tolist(), (y * 2).device, z.device, y.to(torch.float16).device, torch.empty_like(y).device)
n = y.numpy(force=True)
print(y.to("mps") is y, y.to(torch.device("cpu")).device, torch.cat([y, y]).is_mps)""")
    assert status == 0, errors
    assert output == "[0.0, 0.0] [1.0, 1.0] [2.0, 2.0] mps:0 cpu mps:0 mps:0\nTrue cpu True\n"


def test_gates_off():
    status, output, _ = run_script("-c", "import torch; print(torch.backends.mps.is_available())", ANYMETAL_GATES="off")
    assert status == 0 and output == "False\n"
