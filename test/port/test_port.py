"""`anymetal port`: every port runs beside its original, here on the executor that the tests have; what can't be ported says why, at its line.

The command does the comparison itself, so these tests first show that it finds a port that is wrong."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import anymetal
import pytest

mx = pytest.importorskip("mlx.core")

import mlx_kernels
from anymetal import _port, _port_proof
from anymetal._library import _native

HERE = pathlib.Path(__file__).parent
ANYMETAL = pathlib.Path(anymetal.__file__).absolute().parents[2] / "tools" / "anymetal"
WHEEL = pathlib.Path(mx.__file__).parent / "include"
KERNELS = {"atomics": 2, "constants": 2, "grid_3d": 1, "in_place": 4, "macros": 11, "memcpy": 1, "mlstm": 1, "names": 1, "reduce": 1, "several_outputs": 1, "soft_cap": 1, "structs": 2,
           "templates": 6, "tiles": 1, "vectors": 1}
CPU = {"ANYMETAL_EXECUTOR": "cpu", "ANYMETAL_BOUNDS": "robust"}
REFERENCE = {"ANYMETAL_EXECUTOR": "reference", "ANYMETAL_BOUNDS": "error"}


def run(*words, **environment):
    # From a folder without a `mlx` of its own.
    return subprocess.run([ANYMETAL, "port", *map(str, words)], capture_output=True, text=True, cwd="/",
                          env={**os.environ, "ANYMETAL_PYTHON": sys.executable, "PYTHONPATH": str(pathlib.Path(anymetal.__file__).parents[1]), **environment})


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ported(tmp_path_factory):
    """All files, ported by one command on the CPU executor."""
    folder = tmp_path_factory.mktemp("ported")
    done = run(*sorted(HERE.glob("*.metal")), "-o", folder, **CPU)
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


@pytest.mark.parametrize("name", KERNELS)
def test_ports_equal_their_originals(ported, name):
    folder, said = ported
    text = (folder / f"{name}.py").read_text()
    assert "Checked beside the original" in text.replace("\n", " ")
    compile(text, name, "exec")
    module = imported(folder / f"{name}.py")
    names = module.__doc__.split("\n\n")[0].replace("\n", " ").split(": ")[1].rstrip(".").split(", ")
    assert all(callable(getattr(module, each)) for each in names)
    assert all(len(line) < 180 for line in text.split("\n"))


def test_all_kernels_were_run(ported):
    assert len(re.findall(r"runs beside the original, [\d,]+ elements equal", ported[1])) == sum(KERNELS.values())


@pytest.mark.parametrize("name", ["in_place", "mlstm"])
def test_ports_equal_their_originals_on_the_reference(name):
    done = run(HERE / f"{name}.metal", **REFERENCE)
    assert done.returncode == 0, done.stderr


def test_the_ports_as_a_user_calls_them(ported):
    """Results that don't come from us."""
    folder = ported[0]
    x = mx.random.uniform(-4, 4, (3, 5))
    capped = imported(folder / "soft_cap.py").soft_cap_kernel(x, 2.0, x.size)
    assert capped.shape == (3, 5) and mx.allclose(capped, 2 * mx.tanh(x / 2), rtol=1e-5)
    in_place = imported(folder / "in_place.py")
    y = mx.random.uniform(-1, 1, (15,))
    assert mx.allclose(in_place.axpy(x.reshape(-1), y, 3.0, 10), mx.concatenate([3 * x.reshape(-1)[:10] + y[:10], y[10:]]), rtol=1e-6)
    numbers = mx.arange(10).astype(mx.int32)
    assert in_place.negate_even(numbers, 7, grid=5, threadgroup=5).tolist() == [0, 1, -2, 3, -4, 5, -6, 7, 8, 9]
    sums, totals = in_place.prefix_rows(mx.arange(12).astype(mx.float32).reshape(3, 4), 3, 4, totals_shape=(3,), grid=3)
    assert mx.array_equal(sums, mx.cumsum(mx.arange(12).astype(mx.float32).reshape(3, 4), axis=1)) and totals.tolist() == [6.0, 22.0, 38.0]
    counted = imported(folder / "atomics.py").histogram(mx.array([0, 1, 1, 3], dtype=mx.uint8), 4, bins_shape=(4,), grid=4, threadgroup=4)
    assert counted.tolist() == [1, 2, 0, 1]
    summed = imported(folder / "reduce.py").sums(mx.ones((100,)), 100, shared_size=64, partial_shape=(2,), grid=128, threadgroup=64)
    assert summed.tolist() == [64.0, 36.0]
    templates = imported(folder / "templates.py")
    assert templates.square(mx.array([1, -2, 3], dtype=mx.int32), 3, grid=1, threadgroup=1).tolist() == [1, 4, 9]
    constants = imported(folder / "constants.py")
    assert constants.lift(mx.array([-9.0, 1.0]), offset=0.5, has_limit=False).tolist() == [-3.0, 1.5]
    assert constants.lift(mx.array([-9.0, 7.0]), limits=mx.array([5, 5], dtype=mx.int32), offset=0.5, has_limit=True, limit=8).tolist() == [-8.0, 5.0]


def test_wrong_arguments_are_told(ported):
    folder = ported[0]
    with pytest.raises(TypeError, match="input must be an mx.array of mlx.core.float32, not mlx.core.float16"):
        imported(folder / "soft_cap.py").soft_cap_kernel(mx.zeros(4, dtype=mx.float16), 1.0, 4)
    with pytest.raises(ValueError, match="a thread for each element of y"):
        imported(folder / "in_place.py").axpy(mx.zeros(8), mx.zeros(8), 1.0, 8, grid=4)
    with pytest.raises(ValueError, match="x_shape can have at most 7 elements, not 9"):
        imported(folder / "names.py").strided(mx.zeros(8), mx.zeros(9, dtype=mx.int32), mx.zeros(2, dtype=mx.int64), 2, 1.0, grid__shape=(1,), grid=1, threadgroup=1)


def test_the_step_of_the_mlstm(ported):
    """The formulas in NumPy's order, by MLX's own operations."""
    step = imported(ported[0] / "mlstm.py").mlstm_step_full_kernel
    heads, d = 3, 8
    keys = mx.random.split(mx.random.key(3), 9)
    q, k, v, o = (mx.random.normal((heads, d), key=key) for key in keys[:4])
    i, f, m = (mx.random.normal((heads,), key=key) for key in keys[4:7])
    C, n = mx.random.normal((heads, d, d), key=keys[7]), mx.random.normal((heads, d), key=keys[8])
    new_C, new_n, new_m, h = step(q, k, v, i, f, o, C, n, m, heads, d, products_size=d, grid=heads * d, threadgroup=d)
    log_f = -mx.logaddexp(mx.zeros(heads), -f)
    expected_m = mx.maximum(log_f + m, i)
    f_scaled, i_scaled, scaled_k = mx.exp(log_f + m - expected_m)[:, None], mx.exp(i - expected_m)[:, None], k / d**0.5
    expected_C = f_scaled[:, None] * C + i_scaled[:, None] * v[:, :, None] * scaled_k[:, None, :]
    expected_n = f_scaled * n + i_scaled * scaled_k
    bottom = mx.maximum(mx.abs((expected_n * q).sum(axis=1)), mx.exp(-expected_m))[:, None]
    expected_h = mx.sigmoid(o) * (expected_C @ q[:, :, None])[:, :, 0] / bottom
    for got, expected in ((new_C, expected_C), (new_n, expected_n), (new_m, expected_m), (h, expected_h)):
        assert mx.allclose(got, expected, rtol=1e-4, atol=1e-5), (got - expected).abs().max()


def test_a_wrong_port_is_found(tmp_path, monkeypatch, capsys):
    """One letter of each body is changed before it is proven."""
    from anymetal import _port_python

    monkeypatch.setenv("ANYMETAL_BOUNDS", "error")  # which the command would set for the whole process
    whole = _port_python.Writer.text
    for name, right, wrong in (("soft_cap", "val / cap_value", "val * cap_value"), ("in_place", "a * x[i] + y[i]", "a * x[i] - y[i]"), ("tiles", "gid.x * shape.y + gid.y", "gid.y * shape.x + gid.x")):
        monkeypatch.setattr(_port_python.Writer, "text", lambda self: whole(self).replace(right, wrong))
        assert _port.main([str(HERE / f"{name}.metal"), "-o", str(tmp_path / "wrong.py")]) == 1
        assert "NOT proven" in capsys.readouterr().err
        assert "NOT proven" in (tmp_path / "wrong.py").read_text()


@pytest.mark.parametrize("name", ["resources", "in_place", "words", "macros"])
def test_what_cant_be_ported_says_why_at_its_line(name):
    path = HERE / "refused" / f"{name}.metal"
    lines = path.read_text().split("\n")
    expected = {n + 2: line.split("refused: ")[1] for n, line in enumerate(lines) if "// refused: " in line}
    found = _native().port(path.read_text(), str(path), [str(path.parent)], [], [])
    said = "".join(kernel["refusals"] for kernel in found["kernels"])
    for line, text in expected.items():
        assert re.search(rf"{re.escape(str(path))}:{line}:\d+: error: {re.escape(text)}", said), f"line {line}: {text}\n{said}"
    assert len(re.findall(": error: ", said)) >= len(expected)
    if name == "macros":  # lines are those of the definition, and of the file that was included
        assert f"{path}:6:43: error: 'picture' is a texture" in said
        assert f"{path.with_suffix('.h')}:6:7: error: kernel 'in_a_header' is written by a macro, which can't be written out here: the macro is invoked in an included file" in said
    good = [kernel["name"] for kernel in found["kernels"] if not kernel["refusals"]]
    assert good == {"resources": ["plain"], "in_place": [], "words": [], "macros": []}[name]


def test_headers_of_mlx():
    """Kernels of MLX's wheel; all of mlx_kernels.py with ANYMETAL_PORT_ALL=1 (a minute of processor time)."""
    families = mlx_kernels.FAMILIES if os.environ.get("ANYMETAL_PORT_ALL") else ["arange", "softmax", "searchsorted"]
    for family in families:
        found = _native().port(mlx_kernels.text_of(family), f"{family}.metal", [str(WHEEL)], [], [])
        assert [kernel["refusals"] for kernel in found["kernels"]] == [""] * len(mlx_kernels.FAMILIES[family][1]), family


@pytest.mark.parametrize("family", mlx_kernels.FAMILIES if os.environ.get("ANYMETAL_PORT_ALL") else ["ternary", "softmax"])
def test_headers_of_mlx_run(family, tmp_path):
    (tmp_path / f"{family}.metal").write_text(mlx_kernels.text_of(family))
    done = run(tmp_path / f"{family}.metal", "-I", WHEEL, "-o", tmp_path / f"{family}.py", **REFERENCE)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("elements equal", done.stderr)) == len(mlx_kernels.FAMILIES[family][1])


@pytest.mark.parametrize("name", mlx_kernels.SIZED if os.environ.get("ANYMETAL_PORT_ALL") else ["gemm_added", "qmm_t"])
def test_products_and_attention_of_mlx_run(name, tmp_path):
    text, words = mlx_kernels.sized(name)
    (tmp_path / f"{name}.metal").write_text(text)
    done = run(tmp_path / f"{name}.metal", "-I", WHEEL, "-o", tmp_path / f"{name}.py", *words, **REFERENCE)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"{name}: \d runs beside the original, [\d,]+ elements equal", done.stderr), done.stderr


def test_bad_input_is_told_and_the_rest_done(tmp_path):
    (tmp_path / "binary.metal").write_bytes(b"MTLB\0\1\2\3")
    (tmp_path / "picture.metal").write_bytes(b"\x89PNG\xff\xfe")
    (tmp_path / "syntax.metal").write_text("kernel void f(device float* x) {\n  x[0] = ;\n}\n")
    (tmp_path / "a.h").write_text('#include "b.h"\n')
    (tmp_path / "b.h").write_text('#include "a.h"\n')
    (tmp_path / "cyclic.metal").write_text('#include "a.h"\nkernel void f(device float* x) { x[0] = 1; }\n')
    (tmp_path / "bare.metal").write_text("uint i = thread_position_in_grid.x;\n")
    (tmp_path / "empty.metal").write_text("")
    (tmp_path / "folder.metal").mkdir()
    (tmp_path / "missing_include.metal").write_text('#include "nowhere.h"\nkernel void f(device float* x) { x[0] = 1; }\n')
    (tmp_path / "good.metal").write_text("kernel void one(device float* x, uint i [[thread_position_in_grid]]) { x[i] = 1; }\n")
    names = ["binary", "picture", "syntax", "cyclic", "bare", "empty", "folder", "missing_include", "absent", "good"]
    done = run(*[tmp_path / f"{name}.metal" for name in names], "-o", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert (tmp_path / "out" / "good.py").exists() and len(list((tmp_path / "out").iterdir())) == 1
    for text in ("binary.metal:1: byte 4 is 0: this is a compiled Metal library", "picture.metal:1: byte 0 is no UTF-8", "syntax.metal:2:10: error: expected expression",
                 "#include nested too deeply", "empty.metal has no kernel", "folder.metal is a folder", "nowhere.h", "absent.metal can't be read: No such file or directory",
                 "bare.metal"):
        assert text in done.stderr, f"{text}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def test_names_of_kernels(tmp_path):
    path = HERE / "in_place.metal"
    done = run(path, "axpi", "negate_even", "--no-proof")
    assert done.returncode == 2 and "has no kernel `axpi`; did you mean `axpy`?" in done.stderr
    assert "def negate_even(" in done.stdout and "def axpy(" not in done.stdout
    done = run(path, "nothing_like_it", "--no-proof")
    assert done.returncode == 2 and "it has: axpy, negate_even, prefix_rows, scale4" in done.stderr and not done.stdout
    done = run(path, "--no-proof", "axpy")  # options stand anywhere
    assert done.returncode == 0 and not done.stderr


def test_a_text_of_100000_lines(tmp_path):
    lines = "".join(f"constant float table_{n} = {n};\n" for n in range(50_000)) + "//\n" * 50_000
    (tmp_path / "long.metal").write_text("#include <metal_stdlib>\nusing namespace metal;\n" + lines +
                                         "kernel void take(device float* x, uint i [[thread_position_in_grid]]) { x[i] = table_49999; }\n")
    found = _native().port((tmp_path / "long.metal").read_text(), "long.metal", [], [], [])
    (kernel,) = found["kernels"]
    assert not kernel["refusals"] and kernel["line"] == 100_003 and "table_49999 = 49999" in kernel["header"]


def test_arguments_of_the_proof(tmp_path):
    done = run(HERE / "tiles.metal", "--grid", "16,8", "--threadgroup", "8,8", "--argument", "A:float32[8,16]", "--argument", "B:float32[16,8]", "--argument", "shape=[16, 8]", **REFERENCE)
    assert done.returncode == 0, done.stderr
    assert re.search(r"transpose: \d runs beside the original, 512 elements equal", done.stderr) or "elements equal" in done.stderr
    assert "not written" not in done.stderr


MAIN = """
#include <iostream>
#include "in_place.h"
#include "reduce.h"
#include "structs.h"
#include "templates.h"
namespace mx = mlx::core;
int main() {
  auto y = mx::arange(0, 12, mx::float32);
  std::cout << in_place::axpy(mx::ones({12}), y, mx::array(2.0f), mx::array(10), {.grid = {12, 1, 1}})[0] << "\\n"
            << in_place::prefix_rows(mx::reshape(y, {3, 4}), mx::array(3), mx::array(4), {3}, {.grid = {3, 1, 1}})[1] << "\\n"
            << in_place::negate_even(mx::arange(4), mx::array(4), {.grid = {2, 1, 1}})[0] << "\\n"
            << reduce::sums(mx::ones({100}), mx::array(100), 64, {2}, {.grid = {128, 1, 1}, .threadgroup = {64, 1, 1}})[0] << "\\n"
            << templates::square(mx::array({1, -2, 3}), mx::array(3), {3}, {})[0] << std::endl;
  try {
    in_place::axpy(mx::ones({12}), y, mx::array(2.0f), mx::array(10), {.grid = {4, 1, 1}});
  } catch (const std::invalid_argument& error) {
    std::cout << error.what() << std::endl;
  }
}
"""


def test_cpp(tmp_path):
    compiler = shutil.which("clang++-19") or shutil.which("g++")
    if not compiler:
        pytest.skip("no C++ compiler")
    names = ["in_place", "reduce", "structs", "templates"]
    done = run("--cpp", "--no-proof", *[HERE / f"{name}.metal" for name in names], "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "main.cc").write_text(MAIN)
    library = WHEEL.parent / "lib"
    subprocess.run([compiler, "-std=c++20", f"-I{WHEEL}", "main.cc", f"-L{library}", "-lmlx", f"-Wl,-rpath,{library}", "-o", "main"], cwd=tmp_path, check=True)
    adapter = pathlib.Path(anymetal.__file__).parent / "libanymetal_mlx.so"
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, env={**os.environ, "LD_PRELOAD": str(adapter)})
    assert done.stdout.split("\n") == ["array([2, 3, 4, ..., 11, 10, 11], dtype=float32)", "array([6, 22, 38], dtype=float32)", "array([0, 1, -2, 3], dtype=int32)",
                                       "array([64, 36], dtype=float32)", "array([1, 4, 9], dtype=int32)", "the grid must have a thread for each element of y, in one row", ""], done.stderr


BODY = """\
//! --input x:float32[6] --input n:uint32 --output y:float32[6] --template T=float32 --template K=3 --name scaled
uint i = thread_position_in_grid.x;
#if 1
if (i < n) y[i] = T(K) * x[i] + float(x_shape[0]);
#endif
"""


def test_whole_files_of_bodies(tmp_path):
    (tmp_path / "scaled.metal").write_text(BODY)
    done = run("--to-metal", tmp_path / "scaled.metal")
    assert done.returncode == 0, done.stderr
    kernel = anymetal.Library(done.stdout).kernel("scaled")
    x, y = mx.arange(6).astype(mx.float32), bytearray(24)
    kernel(anymetal.Buffer(bytes(memoryview(x))), [6], 6, anymetal.Buffer(y), grid=6)
    body = mx.fast.metal_kernel(name="scaled", input_names=["x", "n"], output_names=["y"], source=BODY)
    (expected,) = body(inputs=[x, mx.array(6, dtype=mx.uint32)], template=[("T", mx.float32), ("K", 3)], output_shapes=[(6,)], output_dtypes=[mx.float32], grid=(6, 1, 1), threadgroup=(6, 1, 1))
    assert mx.array(memoryview(y).cast("f")).tolist() == expected.tolist() == [6.0, 9.0, 12.0, 15.0, 18.0, 21.0]


def test_modules_for_torch(tmp_path):
    (tmp_path / "scaled.metal").write_text(BODY)
    done = run("--to-torch", tmp_path / "scaled.metal")
    assert done.returncode == 0, done.stderr
    compile(done.stdout, "scaled", "exec")
    assert "torch.mps.compile_shader(_SOURCE)" in done.stdout and "_library().scaled(x, x_shape, n, y, threads=threads, group_size=group_size)" in done.stdout
    source = done.stdout.split('_SOURCE = r"""')[1].split('"""')[0]
    assert anymetal.Library(source).kernels == ["scaled"]
    (tmp_path / "bare.metal").write_text("uint i = thread_position_in_grid.x;\n")
    done = run("--to-torch", tmp_path / "bare.metal")
    assert done.returncode == 2 and "bare.metal:1: a body says what it gets in lines at its top" in done.stderr
