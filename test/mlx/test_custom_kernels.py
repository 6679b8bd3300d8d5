"""The behaviours that MLX's own tests of custom kernels ask for, with texts and cases of ours."""

import threading

import mlx.core as mx
import numpy as np
import pytest


def call(kernel, *inputs, shape=None, dtype=None, grid=None, threadgroup=(32, 1, 1), **more):
    shape = inputs[0].shape if shape is None else shape
    dtype = inputs[0].dtype if dtype is None else dtype
    grid = (int(np.prod(shape)) or 1, 1, 1) if grid is None else grid
    return kernel(inputs=list(inputs), output_shapes=[shape], output_dtypes=[dtype], grid=grid, threadgroup=threadgroup, **more)[0]


def kernel_of(source, name="k", inputs=("inp",), outputs=("out",), **options):
    return mx.fast.metal_kernel(name=name, input_names=list(inputs), output_names=list(outputs), source=source, **options)


def test_copies_its_input_on_the_gpu_stream():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i];", name="basic")
    a = mx.random.normal((3, 5))
    assert mx.array_equal(call(kernel, a, stream=mx.gpu), a)


def test_is_lazy_and_runs_when_evaluated():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i] + 1;", name="lazy")
    a = mx.zeros((4,))
    b = call(kernel, call(kernel, call(kernel, a)))
    assert b.tolist() == [3.0] * 4


def test_inputs_of_all_kinds():
    """A large array (device), a small one (constant), another dtype, a scalar (a reference), and template values."""
    kernel = mx.fast.metal_kernel(
        name="kinds", input_names=["a", "b", "c", "d"], output_names=["y", "z"],
        source="""
            uint i = thread_position_in_grid.x;
            T first = a[0];
            y[i] = flag ? float(first) + b[2] + float(c[3]) + d + n : 1.0f;
            z[i] = b[0] * n - int(d);
        """)
    a = mx.arange(18, dtype=mx.float32).reshape(3, 6) + 0.25
    c = mx.array([[0.5, 1.5], [2.5, 3.5]], dtype=mx.bfloat16)
    for flag in (True, False):
        y, z = kernel(inputs=[a, mx.array([3, 4, 5]), c, 7.5], template=[("flag", flag), ("n", 3), ("T", mx.float16)],
                      grid=(6, 1, 1), threadgroup=(2, 1, 1), output_shapes=[(3, 2), (3, 2)],
                      output_dtypes=[mx.float32, mx.int32])
        expected = 0.25 + 5 + 3.5 + 7.5 + 3 if flag else 1.0
        assert mx.array_equal(y, mx.full((3, 2), expected))
        assert mx.array_equal(z, mx.full((3, 2), 2, dtype=mx.int32))


@pytest.mark.parametrize("contiguous", [True, False])
def test_strided_inputs(contiguous):
    index = "i" if contiguous else "elem_to_loc(i, inp_shape, inp_strides, inp_ndim)"
    kernel = kernel_of(f"uint i = thread_position_in_grid.x;\nT v = inp[{index}];\nout[i] = v * threads_per_simdgroup;",
                       name=f"strided{contiguous}", ensure_row_contiguous=contiguous)
    whole = mx.random.normal((6, 7, 8))
    for a in (whole[::2], whole.transpose(2, 0, 1), mx.tile(whole[::3], [2, 1, 1]), mx.broadcast_to(whole[:1], whole.shape)):
        assert mx.array_equal(call(kernel, a, template=[("T", mx.float32)], threadgroup=(256, 1, 1)), a * 32)


def test_shape_strides_and_ndim_are_the_input_s():
    kernel = kernel_of("""
        uint i = thread_position_in_grid.x;
        out[i] = i < uint(inp_ndim) ? inp_shape[i] * 1000 + int(inp_strides[i]) : inp_ndim;
    """, name="shapes", ensure_row_contiguous=False)
    a = mx.zeros((4, 6, 10)).transpose(1, 2, 0)
    assert call(kernel, a, shape=(4,), dtype=mx.int32).tolist() == [6010, 10001, 4060, 3]


def test_helpers_in_the_header_with_templates():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = twice(cube(inp[i]));", name="helper", header="""
        template <typename T> T cube(T x) { return x * x * x; }
        constant float two = 2.0f;
        struct Scale { float by; float operator()(float x) const { return x * by; } };
        float twice(float x) { return Scale{two}(x); }
    """)
    a = mx.random.normal((33,))
    np.testing.assert_allclose(np.array(call(kernel, a)), 2 * np.array(a) ** 3, rtol=1e-6)


# Attribute, its value in thread (x, y, z) of grid (6, 4, 5) in threadgroups of (4, 2, 2).
GRID, GROUP = (6, 4, 5), (4, 2, 2)


def attribute_oracle(x, y, z):
    position, grid, group = np.array([x, y, z]), np.array(GRID), np.array(GROUP)
    groups = -(-grid // group)
    tg = position // group
    inside = position % group
    here = np.minimum(group, grid - tg * group)  # threadgroups at the edges are smaller
    index = inside[0] + here[0] * (inside[1] + here[1] * inside[2])
    threads, full = int(np.prod(here)), int(np.prod(group))
    return {
        "dispatch_quadgroups_per_threadgroup": -(-full // 4), "dispatch_simdgroups_per_threadgroup": -(-full // 32),
        "dispatch_threads_per_threadgroup": group, "grid_origin": np.zeros(3), "grid_size": grid,
        "quadgroup_index_in_threadgroup": index // 4, "quadgroups_per_threadgroup": -(-threads // 4),
        "simdgroup_index_in_threadgroup": index // 32, "simdgroups_per_threadgroup": -(-threads // 32),
        "thread_execution_width": 32, "thread_index_in_quadgroup": index % 4, "thread_index_in_simdgroup": index % 32,
        "thread_index_in_threadgroup": index, "thread_position_in_grid": position,
        "thread_position_in_threadgroup": inside, "threadgroup_position_in_grid": tg, "threadgroups_per_grid": groups,
        "threads_per_grid": grid, "threads_per_simdgroup": 32, "threads_per_threadgroup": here,
    }


@pytest.mark.parametrize("attribute", sorted(attribute_oracle(0, 0, 0)))
def test_every_attribute(attribute):
    wide = np.ndim(attribute_oracle(0, 0, 0)[attribute]) == 1
    values = [f"{attribute}.{c}" for c in "xyz"] if wide else [attribute] * 3
    # The position is asked for by other means, so that the attribute under test is the only other one.
    kernel = kernel_of("uint3 p = thread_position_in_grid; uint i = (p.x + 6 * (p.y + 4 * p.z)) * 3;\n" +
                       "\n".join(f"out[i + {k}] = {v};" for k, v in enumerate(values)), name="attribute")
    out = np.array(call(kernel, mx.zeros((16,)), shape=(5, 4, 6, 3), dtype=mx.uint32, grid=GRID, threadgroup=GROUP))
    for z in range(5):
        for y in range(4):
            for x in range(6):
                assert (out[z, y, x] == np.broadcast_to(attribute_oracle(x, y, z)[attribute], 3)).all(), (x, y, z)


def test_threadgroup_is_clamped_to_the_grid():
    kernel = kernel_of("out[thread_position_in_grid.x] = threads_per_threadgroup.x * 100 + dispatch_threads_per_threadgroup.x;",
                       name="clamped")
    out = call(kernel, mx.zeros((16,)), shape=(3,), dtype=mx.uint32, grid=(3, 1, 1), threadgroup=(256, 1, 1))
    assert out.tolist() == [303] * 3


def test_same_name_with_other_source():
    a = mx.ones((8,))
    for value in (0.0, 1.0, 2.0):
        kernel = kernel_of(f"out[thread_position_in_grid.x] = {value};", name="my_kernel")
        assert mx.array_equal(call(kernel, a), mx.full((8,), value))


def test_same_name_with_other_source_in_one_eval():
    a = mx.arange(32, dtype=mx.float32)
    double = call(kernel_of("uint e = thread_position_in_grid.x; out[e] = inp[e] * 2.0f;", name="twin"), a)
    shifted = call(kernel_of("uint e = thread_position_in_grid.x; out[e] = inp[e] + 100.0f;", name="twin"), a)
    mx.eval(double, shifted)
    assert mx.array_equal(double, a * 2) and mx.array_equal(shifted, a + 100)


def test_one_kernel_with_several_dtypes_in_one_graph():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i] + inp[i];", name="dtypes")
    total = sum(call(kernel, mx.full((32,), 1.5, dtype=d)).astype(mx.float32) for d in (mx.float16, mx.float32, mx.bfloat16))
    assert mx.array_equal(total, mx.full((32,), 9.0))


@pytest.mark.parametrize("dtype", [mx.bool_, mx.uint8, mx.int8, mx.uint16, mx.int16, mx.uint32, mx.int32, mx.uint64,
                                   mx.int64, mx.float16, mx.bfloat16, mx.float32, mx.complex64], ids=str)
def test_every_dtype(dtype):
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i];", name="dtype")
    a = mx.array([0, 1, 2, 3, 100, 5, 6, 7, 8]).astype(dtype)
    if dtype == mx.complex64:
        a = a + mx.array(2j)
    assert mx.array_equal(call(kernel, a), a)


def test_complex_arithmetic():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i] * inp[i] + inp[i];", name="complex")
    a = np.array([1 + 2j, -3 + 0.5j, 2j, 4, 0, 1, 2, 3 - 1j], dtype=np.complex64)
    np.testing.assert_allclose(np.array(call(kernel, mx.array(a))), a * a + a, rtol=1e-6)


@pytest.mark.parametrize("mode, fast", [("safe", 0), ("relaxed", 0), ("fast", 1)])
def test_math_modes(mode, fast):
    kernel = kernel_of("""
        #if defined(__FAST_MATH__) && __FAST_MATH__
        out[thread_position_in_grid.x] = 1;
        #else
        out[thread_position_in_grid.x] = 0;
        #endif
    """, name="mode", compile_options={"math_mode": mode})
    assert call(kernel, mx.zeros((4,))).tolist() == [fast] * 4


def test_special_values_under_safe():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = metal::exp(inp[i]);", name="special")
    out = np.array(call(kernel, mx.array([-np.inf, np.inf, np.nan, 0.0, 1, 1, 1, 1])))
    assert out[0] == 0 and np.isposinf(out[1]) and np.isnan(out[2]) and out[3] == 1


@pytest.mark.parametrize("options", [{"math_mode": "precise"}, {"unknown": "value"}])
def test_wrong_compile_options(options):
    with pytest.raises(ValueError):
        kernel_of("out[0] = 0;", compile_options=options)


def test_init_value_and_atomic_outputs():
    kernel = kernel_of("atomic_fetch_add_explicit(&out[inp[thread_position_in_grid.x]], 1u, memory_order_relaxed);",
                       name="histogram", atomic_outputs=True)
    values = np.random.default_rng(3).integers(0, 16, 5000).astype(np.uint32)
    out = call(kernel, mx.array(values), shape=(16,), dtype=mx.uint32, grid=(5000, 1, 1), threadgroup=(256, 1, 1), init_value=5)
    assert (np.array(out) == np.bincount(values, minlength=16) + 5).all()


def test_grid_and_threadgroup_may_hold_arrays():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i] + 1;", name="arrays")
    n = mx.array(8, dtype=mx.uint32)
    one = mx.array(1, dtype=mx.uint32)
    assert call(kernel, mx.zeros((8,)), grid=(n, one, one), threadgroup=(n, one, one)).tolist() == [1.0] * 8


def test_verbose_prints_the_text(capfd):
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i];", name="talks")
    mx.eval(call(kernel, mx.zeros((8,)), verbose=True))
    out = capfd.readouterr().out
    assert out.startswith("Generated source code for `talks`:\n```\n")
    assert "[[kernel]] void custom_kernel_talks_float_float(" in out


def test_threadgroup_memory_barriers_and_simd_sums():
    kernel = kernel_of("""
        threadgroup float partial[32];
        uint i = thread_position_in_grid.x;
        float sum = simd_sum(inp[i]);
        if (thread_index_in_simdgroup == 0) partial[simdgroup_index_in_threadgroup] = sum;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        if (simdgroup_index_in_threadgroup == 0) {
          float p = thread_index_in_simdgroup < simdgroups_per_threadgroup ? partial[thread_index_in_simdgroup] : 0;
          p = simd_sum(p);
          if (thread_index_in_simdgroup == 0) out[threadgroup_position_in_grid.x] = p;
        }
    """, name="rowsum")
    a = mx.random.normal((8, 512))
    out = call(kernel, a, shape=(8,), grid=(8 * 512, 1, 1), threadgroup=(512, 1, 1))
    np.testing.assert_allclose(np.array(out), np.array(a, dtype=np.float64).sum(1), atol=1e-4)


def test_under_compile():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i] * 3;", name="compiled")

    @mx.compile
    def f(x):
        return mx.exp(call(kernel, x + 1)) - 1

    x = mx.random.uniform(shape=(100,))
    np.testing.assert_allclose(np.array(f(x)), np.exp(3 * (np.array(x) + 1)) - 1, rtol=1e-5)
    np.testing.assert_allclose(np.array(f(x * 0)), np.exp(np.full(100, 3.0)) - 1, rtol=1e-5)


def test_streams_depend_on_each_other_and_async_eval():
    kernel = kernel_of("uint i = thread_position_in_grid.x; out[i] = inp[i] + 1;", name="chain")
    first, second = mx.new_stream(mx.gpu), mx.new_stream(mx.gpu)
    x = mx.zeros((1000,))
    for i in range(50):
        x = call(kernel, x, stream=(first, second)[i % 2])
    mx.async_eval(x)
    mx.synchronize(first)
    mx.synchronize(second)
    assert mx.array_equal(x, mx.full((1000,), 50.0))


def test_from_many_threads():
    wrong = []

    def work(seed):
        kernel = kernel_of(f"uint i = thread_position_in_grid.x; out[i] = inp[i] * {seed + 1};", name=f"thread{seed % 3}")
        with mx.stream(mx.new_stream(mx.gpu)):
            x = mx.full((257,), float(seed))
            for _ in range(20):
                y = call(kernel, x)
                mx.eval(y)
                if not mx.array_equal(y, x * (seed + 1)):
                    wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
