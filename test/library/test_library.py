"""Whole Metal files from Python: arguments, sizes, errors. NumPy says what is right."""

import numpy as np
import pytest

import anymetal

# Without checks these would corrupt memory.
SCALE = """#include <metal_stdlib>
using namespace metal;
kernel void scale(device const float* x [[buffer(0)]], device float* y [[buffer(1)]], constant float& factor [[buffer(2)]],
                  uint i [[thread_position_in_grid]]) {
  y[i] = factor * x[i];
}
kernel void fill(device int* out, constant int& value, uint i [[thread_position_in_grid]]) { out[i] = value; }
"""


@pytest.fixture(scope="module")
def scale():
    return anymetal.Library(SCALE, name="scale.metal")


def run_scale(library, *arguments, **sizes):
    library.kernel("scale")(*arguments, **{"grid": 4, **sizes})


def test_arrays_and_numbers(scale):
    x = np.arange(100, dtype=np.float32)
    y = np.zeros_like(x)
    before = anymetal.launches()
    scale.kernel("scale")(x, y, 2.5, grid=100, threadgroup=32)
    np.testing.assert_array_equal(y, x * np.float32(2.5))
    assert anymetal.launches() == before + 1


def test_names_of_kernels_and_interface(scale):
    assert scale.kernels == ["scale", "fill"]
    kernel = scale.kernel("scale")
    assert [p.declaration for p in kernel.interface] == [
        "device const float* x [[buffer(0)]]", "device float* y [[buffer(1)]]",
        "constant float& factor [[buffer(2)]]", "uint i [[thread_position_in_grid]]"]
    assert "device float* y" in repr(kernel) and "scale.metal:3" in repr(kernel)


def test_arguments_by_name(scale):
    x, y = np.ones(4, np.float32), np.zeros(4, np.float32)
    scale.kernel("scale")(x, factor=3, y=y, grid=4)
    assert y.tolist() == [3, 3, 3, 3]


def test_declaration_order_and_not_index_order():
    library = anymetal.Library("""
        kernel void f(device int* out [[buffer(5)]], constant int& a [[buffer(0)]], constant int& b,
                      uint i [[thread_position_in_grid]]) { out[i] = 10 * a + b; }""")
    kernel = library.kernel("f")
    assert [p.index for p in kernel.interface[:3]] == [5, 0, 1]
    out = np.zeros(1, np.int32)
    kernel(out, 4, 2, grid=1)
    assert out[0] == 42


def test_threadgroups(scale):
    y = np.zeros(12, np.int32)
    kernel = scale.kernel("fill")
    kernel(y, 7, threadgroups=3, threadgroup=4)
    assert y.tolist() == [7] * 12
    y[:] = 0
    kernel(y, 8, threadgroups=np.array([2, 1, 1], np.uint32), threadgroup=(4,))
    assert y.tolist() == [8] * 8 + [0] * 4
    kernel(y, 9, threadgroups=np.array([0, 1, 1], np.uint32), threadgroup=(4,))
    assert y.tolist() == [8] * 8 + [0] * 4


@pytest.mark.parametrize("threadgroups, text", [
    (np.array([2, 9, 1, 9, 1, 9], np.uint32)[::2], "an array without gaps: pass a contiguous copy"),
    (np.array([1, 1, 2], np.int32)[::-1], "an array without gaps: pass a contiguous copy"),
    (np.array([2, 1, 1], np.float32), "elements of type int32 or uint32"),
    (np.array([2, 1, 1], np.int64), "elements of type int32 or uint32"),
    (bytes(12), "a tuple of three numbers, or an array that holds them")])
def test_threadgroups_that_are_none(scale, threadgroups, text):
    with pytest.raises(ValueError, match=text):
        scale.kernel("fill")(np.zeros(12, np.int32), 7, threadgroups=threadgroups, threadgroup=4)


def test_arguments_without_end_or_number(scale):
    endless = []
    endless.append(endless)
    y = np.zeros(12, np.int32)
    with pytest.raises(RecursionError):
        scale.kernel("fill")(y, endless, grid=12)
    with pytest.raises(ValueError, match="has no buffer -1"):
        scale.kernel("fill")(y, 7, buffers={-1: y}, grid=12)
    with pytest.raises(ValueError, match="is no number of bytes"):
        scale.kernel("fill")(y, 7, threadgroup_memory={0: 2**70}, grid=12)


@pytest.mark.parametrize("value, text", [(2**31, "out of the range of `int`"), (1.5, "can't be a `int`"), ("a", "can't be an argument"),
                                         ([1, 2], "takes 1 number, and 2 were given"), (b"ab", "has 4 bytes, and 2 were given"),
                                         (2**70, "more than 64 bits")])
def test_wrong_numbers(scale, value, text):
    with pytest.raises((ValueError, TypeError), match=text) as error:
        scale.kernel("fill")(np.zeros(4, np.int32), value, grid=4)
    assert "value" in str(error.value)


@pytest.mark.parametrize("value", [np.int8(-3), np.uint64(5), True, -2**31, np.array(9, np.int32), b"\x01\x02\x03\x04"])
def test_right_numbers(scale, value):
    out = np.zeros(2, np.int32)
    scale.kernel("fill")(out, value, grid=2)
    assert out[1] == (0x04030201 if isinstance(value, bytes) else int(value))


def test_wrong_arrays(scale):
    good = np.zeros(4, np.float32)
    frozen = good.copy()
    frozen.flags.writeable = False
    run_scale(scale, frozen, good, 1.0)
    for arguments, text in [((good, frozen, 1.0), "read-only"), ((good.astype(np.float64), good, 1.0), "Metal has no double"),
                            ((good, good.view(np.int32), 1.0), r"`float`: convert it, or reinterpret"),
                            ((np.zeros((4, 2), np.float32)[:, 0], good, 1.0), "isn't row-major"),
                            ((good, good), "`constant float& factor .*is missing"), ((good, good, 1, 2), "takes 3 arguments"),
                            ((good, 1.0, 1.0), "can't be written to: pass an array")]:
        with pytest.raises(ValueError, match=text) as error:
            run_scale(scale, *arguments)
        assert "scale" in str(error.value)
    with pytest.raises(ValueError, match=r"^scale.metal:3: kernel `scale`, argument `device float\* y"):
        run_scale(scale, good, frozen, 1.0)


@pytest.mark.stops_outside
def test_buffer_offsets(scale):
    data = np.zeros(64, np.uint8)
    data[16:32].view(np.float32)[:] = [1, 2, 3, 4]
    out = np.zeros(4, np.float32)
    run_scale(scale, anymetal.Buffer(data, 16, 16), out, 2)
    assert out.tolist() == [2, 4, 6, 8]
    with pytest.raises(ValueError, match="behind the end"):
        run_scale(scale, anymetal.Buffer(data, 65), out, 2)
    with pytest.raises(anymetal.KernelError, match="outside"):
        run_scale(scale, anymetal.Buffer(data, 16, 12), out, 2)


def test_sizes(scale):
    kernel, out = scale.kernel("fill"), np.zeros(8, np.int32)
    for sizes, text in [({}, "give one of `grid`"), ({"grid": 1, "threadgroups": 1}, "only one"), ({"grid": 0}, "zero"),
                        ({"grid": -1}, "negative"), ({"threadgroups": 2}, "needs `threadgroup`"),
                        ({"grid": 8, "threadgroup": 2048}, "limit is 1,024"), ({"grid": (1, 2, 3, 4)}, "up to three"),
                        ({"grid": 1.5}, "integer|iterable"), ({"grid": 1, "threadgroup_memory": {0: 16}}, r"no parameter with \[\[threadgroup\(0\)")]:
        with pytest.raises((ValueError, TypeError), match=text):
            kernel(out, 1, **sizes)


def test_compile_errors():
    with pytest.raises(anymetal.CompileError, match=r"broken.metal:2:\d+: error") as error:
        anymetal.Library("kernel void f(device int* x) {\n  x[0] = y;\n}", name="broken.metal")
    assert "x[0] = y" in str(error.value)
    with pytest.raises(ValueError, match="no kernel `g`.*`f`"):
        anymetal.Library("kernel void f(device int* x) { x[0] = 1; }").kernel("g")
