"""`anymetal bench`: what it counts against what people count by hand, what it writes, and what it says when there is nothing to time."""

import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import anymetal
import pytest

ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"

PRODUCT = """\
//! --input a:float32[32,32] --input b:float32[32,32] --output c:float32[32,32] --template N=32
//! --grid 32,32 --threadgroup 8,8
uint2 p = thread_position_in_grid.xy;
float sum = 0;
for (uint k = 0; k < N; ++k) sum += a[p.y * N + k] * b[k * N + p.x];
c[p.y * N + p.x] = sum;
"""

WHOLE = """\
#include <metal_stdlib>
kernel void scale(device const float* x, device float* y, constant float& factor, uint i [[thread_position_in_grid]]) {
  y[i] = factor * x[i];
}
kernel void add(device const float* x, device metal::atomic_float& sum, uint i [[thread_position_in_grid]]) {
  metal::atomic_fetch_add_explicit(&sum, x[i], metal::memory_order_relaxed);
}
"""

SCRIPT = """\
import sys
import anymetal
library = anymetal.Library(sys.argv[1], name="whole.metal")
x, y, sum = anymetal.Buffer(bytearray(4096)), anymetal.Buffer(bytearray(4096)), anymetal.Buffer(bytearray(4))
for _ in range(3):
    library.kernel("scale")(x, y, 2, grid=1024)
library.kernel("scale")(x, y, 2, grid=512)
library.kernel("add")(x, sum, grid=1024)
print("the script ends")
"""


def bench(*arguments, **environment):
    return subprocess.run([ANYMETAL, "bench", *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, "ANYMETAL_PYTHON": sys.executable, **environment})


def numbers(*arguments):
    done = bench("--json", "-", "--repeat", 1, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("{\n"):])


def test_a_body_of_a_file(tmp_path):
    (tmp_path / "product.metal").write_text(PRODUCT)
    result = numbers(tmp_path / "product.metal")
    (kernel,) = result["kernels"]
    assert (kernel["name"], kernel["calls"], kernel["grid"]) == ("product", 1, [32, 32, 1])
    assert kernel["operations"] == 2 * 32**3
    assert (kernel["bytes_read"], kernel["bytes_written"]) == (2 * 4096, 4096)
    assert kernel["operations_per_second"] == pytest.approx(2 * 32**3 / kernel["median_seconds"])
    assert kernel["share_of_copy"] == pytest.approx(3 * 4096 / kernel["median_seconds"] / result["copy_bytes_per_second"])
    assert kernel["first_call_seconds"] > 0 and not kernel["failed"]


def test_the_compiler_takes_the_same_file(tmp_path):
    (tmp_path / "product.metal").write_text(PRODUCT)
    done = subprocess.run([ANYMETAL, "compile", tmp_path / "product.metal"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_script_with_kernels_of_several_sizes(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = bench("--repeat", 1, "--json", tmp_path / "out.json", "--roofline", tmp_path / "roof.svg", tmp_path / "script.py", WHOLE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the script ends\n") and done.stdout.count("the script ends") == 1
    kernels = json.loads((tmp_path / "out.json").read_text())["kernels"]
    assert sorted((k["name"], k["grid"][0], k["calls"]) for k in kernels) == [("add", 1024, 1), ("scale", 512, 1), ("scale", 1024, 3)]
    by = {(k["name"], k["grid"][0]): k for k in kernels}
    assert by["scale", 512]["operations"] == 512 and by["add", 1024]["operations"] == 1024
    assert (by["add", 1024]["bytes_read"], by["add", 1024]["bytes_written"]) == (4096 + 4, 4)
    assert re.search(r"^kernel +arguments +grid +threadgroup +calls +first call +time +± +GB/s +GFLOP/s +of limit$", done.stdout, re.M)
    svg = xml.etree.ElementTree.parse(tmp_path / "roof.svg").getroot()
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("copy ") and text.endswith("GB/s") for text in texts)
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}circle"))) == 3


def test_one_kernel_of_a_script(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    assert {k["name"] for k in numbers("--kernel", "add", tmp_path / "script.py", WHOLE)["kernels"]} == {"add"}
    done = bench("--kernel", "sub", tmp_path / "script.py", WHOLE)
    assert done.returncode == 1 and "launched no kernel `sub`; it launched: add, scale" in done.stderr


def test_a_kernel_of_a_whole_file(tmp_path):
    file = tmp_path / "whole.metal"
    file.write_text(WHOLE)
    (kernel,) = numbers(file, "--kernel", "scale", "--argument", "x:float32[1000]", "--argument", "y:float32[1000]", "--argument", "factor=2.5",
                        "--grid", 1000)["kernels"]
    assert kernel["operations"] == 1000
    for arguments, complaint in [
            ([file], "several kernels: say --kernel NAME with one of: scale, add"),
            ([file, "--kernel", "scale", "--argument", "x:float32[8]"], "needs arguments: --argument y:float32[1024] --argument factor=1"),
            ([file, "--kernel", "add", "--argument", "x:float32[8]", "--argument", "sum:float32[1]"], "needs a grid: --grid 1024"),
            ([file, "--kernel", "add", "--argument", "x:double[8]"], "there is no type `double`"),
            ([tmp_path / "none.metal"], "can't be read: No such file"),
    ]:
        done = bench(*arguments)
        assert done.returncode in (1, 2) and complaint in done.stderr and "Traceback" not in done.stderr


def test_scripts_that_give_nothing_to_time(tmp_path):
    script = tmp_path / "script.py"
    for text, status, complaint in [
            ("print(1)", 1, "launched no Metal kernel that ended well"),
            ("def f():\n    raise ValueError('wrong')\nf()", 1, "the script failed (above)"),
            ("raise SystemExit(3)", 1, "the script ended with exit status 3"),
    ]:
        script.write_text(text)
        done = bench(script)
        assert done.returncode == status and complaint in done.stderr
        assert "runpy" not in done.stderr and "_program.py" not in done.stderr
    assert bench(tmp_path / "none.py").returncode == 2
    assert bench().returncode == 2
    assert bench("--help").returncode == 0


def test_what_cannot_be_repeated_is_timed_in_the_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""\
import anymetal
library = anymetal.Library('''struct S { device float* x; };
kernel void through(constant S& s, uint i [[thread_position_in_grid]]) { s.x[i] = i; }''')
library.kernel("through")({"x": anymetal.Buffer(bytearray(64))}, grid=16)
""")
    (kernel,) = numbers(script)["kernels"]
    assert kernel["note"] == "timed in the script alone, as its buffers hold pointers"
    assert kernel["median_seconds"] > 0 and kernel["operations"] is None


def test_mlx_kernels(tmp_path):
    pytest.importorskip("mlx.core")
    script = tmp_path / "script.py"
    script.write_text("""\
import mlx.core as mx
kernel = mx.fast.metal_kernel(name="double_it", input_names=["x"], output_names=["y"], source="y[thread_position_in_grid.x] = 2 * x[thread_position_in_grid.x];")
x = mx.arange(64, dtype=mx.float32)
y, = kernel(inputs=[x], grid=(64, 1, 1), threadgroup=(32, 1, 1), output_shapes=[x.shape], output_dtypes=[x.dtype])
mx.async_eval(y)
""")
    (kernel,) = numbers(script)["kernels"]
    assert kernel["name"] == "double_it" and kernel["arguments"][0]["shape"] == "float32[64]" and kernel["operations"] == 64
