"""What a user can get wrong: each is a clear error that names the place, and the process lives on and computes afterwards.

Every case runs in this one process, so that a crash or a poisoned cache in one shows in the next."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import mlx.core as mx
import pytest

# Without checks these would corrupt memory.
def run(source, *, header="", inputs=None, names=None, outputs=("out",), shape=(4,), dtype=mx.float32,
        grid=(4, 1, 1), threadgroup=(4, 1, 1), name="bad", **call):
    """Makes the kernel, calls it and evaluates: whichever of the three notices the mistake may throw."""
    inputs = [mx.arange(4, dtype=mx.float32)] if inputs is None else inputs
    names = [f"x{i}" if i else "x" for i in range(len(inputs))] if names is None else names
    kernel = mx.fast.metal_kernel(name=name, input_names=names, output_names=list(outputs), source=source, header=header)
    result = kernel(inputs=inputs, output_shapes=[shape] * len(outputs), output_dtypes=[dtype] * len(outputs),
                    grid=grid, threadgroup=threadgroup, **call)
    mx.eval(result)
    return result[0]


@pytest.fixture(autouse=True)
def still_alive():
    """After each mistake a good kernel still gives the right numbers."""
    yield
    out = run("uint i = thread_position_in_grid.x; out[i] = x[i] * 2.0f;", name="good")
    assert out.tolist() == [0.0, 2.0, 4.0, 6.0]


def error_of(source, **arguments):
    with pytest.raises((RuntimeError, ValueError)) as caught:
        run(source, **arguments)
    return str(caught.value)


def test_syntax_error_names_line_and_column_of_the_source():
    text = error_of("uint i = thread_position_in_grid.x;\nout[i] = x[i] +;\n", name="syntax")
    assert "syntax.source:2:16: error: expected expression" in text
    assert "out[i] = x[i] +;" in text
    assert "\n      |                ^" in text


def test_error_in_the_header_names_the_header():
    text = error_of("out[thread_position_in_grid.x] = f(1);", header="float f(float a) {\n  return b;\n}\n", name="inheader")
    assert "inheader.header:2:10: error: use of undeclared identifier 'b'" in text


def test_unknown_attribute():
    text = error_of("out[0] = thread_position_in_gird.x;")
    assert "thread_position_in_gird" in text and "bad.source:1:10" in text


def test_wrong_type():
    text = error_of("float y = x;\nout[0] = y;")
    assert "bad.source:1" in text
    for foreign in ("opencl", "__global", "SYglobal", "__attribute__", "SYCL"):
        assert foreign not in text
    assert "device" in text or "constant" in text


def test_recursion():
    text = error_of("out[0] = f(3);", header="int f(int n) {\n  return n < 2 ? n : f(n - 1) + f(n - 2);\n}\n", name="recursive")
    assert "recursi" in text and "recursive.header:" in text


def test_missing_include():
    text = error_of("out[0] = 1;", header='#include "my_header.h"\n', name="include")
    assert "'my_header.h'" in text and "not found" in text and "include.header:1" in text


def test_namespace_that_is_never_closed():
    text = error_of("out[0] = 1;", header="namespace mine {\nfloat f() { return 1; }\n", name="open")
    assert "open.header:1" in text or "open.header" in text
    assert "never closed" in text


def test_ten_megabytes_of_source():
    """Text, not statements: 450,000 statements in one body keep the optimiser busy for minutes (docs/limits.md)."""
    line = "// " + "x" * 96 + "\n"
    out = run(line * (10_000_000 // len(line)) + "out[0] = x[1] + 1.0f;\n", name="huge")
    assert out[0].item() == 2.0
    text = error_of(line * 100_000 + "out[0] = nothing;\n", name="huge")
    assert "huge.source:100001:10" in text


def test_infinite_template():
    text = error_of("out[0] = depth<0>::value;",
                    header="template <int N> struct depth { static constexpr constant int value = depth<N + 1>::value; };\n",
                    name="endless_template")
    assert "depth" in text and "endless_template.header:1" in text
    assert len(text) < 20_000


def test_forty_buffers():
    inputs = [mx.arange(4, dtype=mx.float32) + i for i in range(40)]
    text = error_of("out[0] = x[0];", inputs=inputs)
    assert "31" in text


def test_too_much_threadgroup_memory():
    text = error_of("threadgroup float t[16384];\nt[thread_index_in_threadgroup] = 1;\n"
                    "threadgroup_barrier(mem_flags::mem_threadgroup);\nout[thread_position_in_grid.x] = t[0];", name="big_tile")
    assert "65536" in text.replace(",", "") and "32768" in text.replace(",", "")


def test_threadgroup_too_large_is_mlx_s_text():
    with pytest.raises(ValueError, match=r"Thread group size \(2048\) is greater than  the maximum allowed threads per "
                                         r"threadgroup \(1024\)\."):
        run("out[thread_position_in_grid.x] = 1;", grid=(2048, 1, 1), threadgroup=(2048, 1, 1), shape=(2048,))


@pytest.mark.parametrize("grid", [(0, 1, 1), (4, 0, 1), (-1, 1, 1)])
def test_empty_and_negative_grids(grid):
    text = error_of("out[thread_position_in_grid.x] = 1;", grid=grid)
    assert "grid" in text and str(min(grid)) in text


@pytest.mark.parametrize("shape", [(-1,), (4, -1), (-16,), (-17,), (-8, -2)])
@pytest.mark.parametrize("call", [{}, {"init_value": 0}])
def test_negative_dimensions_of_outputs(shape, call):
    """As `reshape` takes them; MLX makes an array of them that has nearly 2^64 bytes."""
    text = error_of("uint i = thread_position_in_grid.x; if (i < x_shape[0]) out[i] = x[i];", shape=shape, **call)
    assert "output `out`" in text and f"dimension of {next(extent for extent in shape if extent < 0)}" in text


def test_negative_threadgroup():
    text = error_of("out[thread_position_in_grid.x] = 1;", threadgroup=(-4, 1, 1))
    assert "threadgroup" in text and "-4" in text


def test_writing_to_an_input():
    text = error_of("uint i = thread_position_in_grid.x;\nx[i] = 1;\nout[i] = x[i];", name="constant_input")
    assert "constant_input.source:2:6: error:" in text and "const" in text


def test_wrong_counts_are_mlx_s_texts():
    with pytest.raises(ValueError, match=r"\[metal_kernel\] Expected `inputs` to have size 2 but got size 1\."):
        run("out[0] = 1;", names=["x", "y"])


def test_dtype_that_metal_lacks():
    with pytest.raises((RuntimeError, ValueError)) as caught:
        run("out[thread_position_in_grid.x] = x[0];", dtype=mx.float64)
    assert "double" in str(caught.value) or "float64" in str(caught.value)


def test_mismatched_types_in_a_call():
    text = error_of("out[0] = f(x);", header="float f(const device half* p) { return p[0]; }\n",
                    inputs=[mx.zeros((16,))], name="mismatch")
    assert "mismatch.source:1:10" in text and "f" in text


FAR = 1 << 30


@pytest.mark.stops_outside
@pytest.mark.parametrize("index", ["64u", f"{FAR}u", f"-{FAR}", "-1"])
def test_reads_outside_a_buffer(index):
    text = error_of(f"uint i = thread_position_in_grid.x;\nout[i] = x[{index}];",
                    inputs=[mx.zeros((64,))], name="reader")
    assert "reader.source:2" in text and "'x'" in text and "read" in text
    assert index.rstrip("u") in text and "64" in text


@pytest.mark.stops_outside
@pytest.mark.parametrize("index", ["64u", f"{FAR}u", f"-{FAR}", "-1"])
def test_writes_outside_a_buffer(index):
    text = error_of(f"out[{index}] = 1;", shape=(64,), name="writer")
    assert "writer.source:1" in text and "'out'" in text and "writ" in text
    assert index.rstrip("u") in text and "64" in text


@pytest.mark.stops_outside
def test_threadgroup_memory_has_bounds_too():
    text = error_of("threadgroup float t[8];\nt[thread_position_in_grid.x + 6] = 1;\nout[0] = t[0];", name="tile")
    assert "tile.source:2" in text and "'t'" in text


def child(script, **environment):
    """A script in a process of its own, for signals and time-outs."""
    return subprocess.Popen([sys.executable, "-m", "anymetal", "-c", textwrap.dedent(script)], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})


def output_of(process):
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def output_after_interrupt(process):
    """What a child prints in all that is interrupted a second after it printed "ready"."""
    assert process.stdout.readline().strip() == "ready"
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    return output_of(process)


ENDLESS = """
    import mlx.core as mx
    endless = mx.fast.metal_kernel(name="endless", input_names=["x"], output_names=["out"],
        source="while (x[0] == 0) { } out[0] = 1;", ensure_row_contiguous=True)
    def call():
        mx.eval(endless(inputs=[mx.zeros((16,))], output_shapes=[(1,)], output_dtypes=[mx.float32], grid=(1, 1, 1),
                        threadgroup=(1, 1, 1)))
"""


def test_timeout_stops_a_kernel_that_never_ends():
    process = child(ENDLESS + """
    try:
        call()
    except RuntimeError as error:
        print("stopped:", error)
    print((mx.ones((2,)) + 1).tolist())
    """, ANYMETAL_TIMEOUT="0.5")
    out = output_of(process)
    assert "endless" in out and "ANYMETAL_TIMEOUT" in out and "[2.0, 2.0]" in out


@pytest.mark.parametrize("loops", [
    "for (ulong j = 0; j < ulong(n[0]) - 1; ++j) s += x[(i + j) & 63];",
    "for (int a = 0; a < 1000; ++a) for (int b = 0; b < 1000; ++b) for (int c = 0; c < 1000; ++c) for (int d = 0; d < 1000; ++d) "
    "s = s * 0.5f + x[(i + a * b + c * d) & 63];",
    "for (int a = 0; a < 1000; ++a) for (uint b = 0; b < (uint(n[0]) - 2) >> 8; ++b) s = s * 0.5f + x[(i + a * b) & 63];",
], ids=["one", "four", "two"])
def test_a_timeout_stops_loops_that_would_count_for_long(loops):
    process = child(f"""
    import mlx.core as mx
    kernel = mx.fast.metal_kernel(name="counts", input_names=["n", "x"], output_names=["y"], source='''
        uint i = thread_position_in_grid.x;
        float s = 0;
        {loops}
        y[i] = s;''')
    try:
        mx.eval(kernel(inputs=[mx.zeros((1,), dtype=mx.int32), mx.ones((64,))], output_shapes=[(64,)], output_dtypes=[mx.float32],
                       grid=(64, 1, 1), threadgroup=(32, 1, 1)))
    except RuntimeError as error:
        print("stopped:", error)
    """, ANYMETAL_TIMEOUT="0.5")
    out = output_of(process)
    assert "counts" in out and "ANYMETAL_TIMEOUT" in out


def test_interrupt_stops_a_kernel_that_never_ends():
    process = child(ENDLESS + """
    import sys
    print("ready", flush=True)
    try:
        call()
    except KeyboardInterrupt:
        print("interrupted")
    print((mx.ones((2,)) + 1).tolist())
    """)
    out = output_after_interrupt(process)
    assert "interrupted" in out and "[2.0, 2.0]" in out


@pytest.mark.parametrize("wait", ["np.array(y)", "np.asarray(y)", "np.zeros(64, np.float32) + y", "memoryview(y)", "y.tolist()"])
def test_interrupt_while_numpy_waits(wait):
    process = child(f"""
    import mlx.core as mx, numpy as np
    kernel = mx.fast.metal_kernel(name="endless", input_names=["x"], output_names=["y"],
                                  source="float v = x[0]; while (v < 1e9f) v = metal::sin(v) + 1; y[thread_position_in_grid.x] = v;")
    y = kernel(inputs=[mx.zeros((1,))], output_shapes=[(64,)], output_dtypes=[mx.float32], grid=(64, 1, 1), threadgroup=(32, 1, 1))[0]
    print("ready", flush=True)
    try:
        {wait}
    except KeyboardInterrupt:
        print("interrupted")
    try:
        np.array(y)
    except RuntimeError as error:
        print(error)
    """)
    out = output_after_interrupt(process)
    assert "interrupted" in out and "was stopped by an interrupt" in out


@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="AddressSanitizer's own allocator reports it")
@pytest.mark.parametrize("init_value", [None, 0])
def test_outputs_that_memory_doesn_t_suffice_for(init_value):
    kernel = mx.fast.metal_kernel(name="fills", input_names=[], output_names=["y"], source="y[thread_position_in_grid.x] = 1;")
    y = kernel(inputs=[], output_shapes=[(2**30, 2**20)], output_dtypes=[mx.float32], grid=(64, 1, 1), threadgroup=(32, 1, 1),
               init_value=init_value)[0]
    with pytest.raises(RuntimeError, match="Unable to allocate 45035996273"):
        mx.eval(y)


def test_interrupt_stops_a_compilation_that_never_ends():
    process = child("""
    import mlx.core as mx
    header = '''
        template <int N, ulong M> struct F { static constexpr constant int v = F<N - 1, 2 * M>::v + F<N - 1, 2 * M + 1>::v; };
        template <ulong M> struct F<0, M> { static constexpr constant int v = 1; };
    '''
    try:
        print("ready", flush=True)
        kernel = mx.fast.metal_kernel(name="tree", input_names=[], output_names=["out"], header=header, source="out[0] = F<60, 1>::v;")
        mx.eval(kernel(inputs=[], output_shapes=[(1,)], output_dtypes=[mx.int32], grid=(1, 1, 1), threadgroup=(1, 1, 1)))
    except KeyboardInterrupt:
        print("interrupted")
    print((mx.ones((2,)) + 1).tolist())
    """)
    out = output_after_interrupt(process)
    assert "interrupted" in out and "[2.0, 2.0]" in out
