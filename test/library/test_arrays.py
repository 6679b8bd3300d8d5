"""Arrays of other libraries, by DLPack and by the buffer protocol. Each library is skipped where it isn't installed."""

import array
import ctypes

import numpy as np
import pytest

import anymetal

# Without checks these would corrupt memory.
TEXT = """#include <metal_stdlib>
using namespace metal;
#define KERNEL(T) kernel void add_##T(device const T* x, device T* y, uint i [[thread_position_in_grid]]) { y[i] = y[i] + x[i]; }
KERNEL(float) KERNEL(half) KERNEL(bfloat) KERNEL(int) KERNEL(uint) KERNEL(char) KERNEL(uchar) KERNEL(short) KERNEL(ushort) KERNEL(long) KERNEL(ulong)
kernel void flip(device bool* x, uint i [[thread_position_in_grid]]) { x[i] = !x[i]; }
kernel void swap(device float2* x, uint i [[thread_position_in_grid]]) { x[i] = x[i].yx; }
"""
TYPES = {"float": "float32", "half": "float16", "int": "int32", "uint": "uint32", "char": "int8", "uchar": "uint8", "short": "int16",
         "ushort": "uint16", "long": "int64", "ulong": "uint64"}


@pytest.fixture(scope="module")
def library():
    return anymetal.Library(TEXT)


@pytest.mark.parametrize("metal, dtype", TYPES.items())
def test_numpy(library, metal, dtype):
    x, y = np.arange(5).astype(dtype), np.arange(5)[::-1].astype(dtype)
    library.kernel(f"add_{metal}")(x, y, grid=5)
    assert y.dtype == dtype and y.tolist() == [4] * 5
    other = "float32" if dtype != "float32" else "int32"
    with pytest.raises(ValueError, match=f"the array is {other}.* and the kernel's elements are `{metal}`"):
        library.kernel(f"add_{metal}")(x, np.zeros(5, other), grid=5)


@pytest.mark.stops_outside
def test_numpy_bool_complex_and_views(library):
    flags = np.array([True, False])
    library.kernel("flip")(flags, grid=2)
    assert flags.tolist() == [False, True]
    pairs = np.array([1 + 2j, 3 - 4j], np.complex64)
    library.kernel("swap")(pairs, grid=2)
    assert pairs.tolist() == [2 + 1j, -4 + 3j]
    y = np.zeros(8, np.float32)
    library.kernel("add_float")(np.ones(3, np.float32), y[5:], grid=3)
    assert y.tolist() == [0] * 5 + [1] * 3
    with pytest.raises(ValueError, match="big-endian"):
        library.kernel("add_float")(np.ones(3, ">f4"), y, grid=3)
    empty = np.zeros((0, 4), np.float32)
    with pytest.raises(anymetal.KernelError, match="outside"):
        library.kernel("add_float")(empty, y, grid=1)


def test_plain_python_buffers(library):
    y = array.array("f", [1, 2])
    library.kernel("add_float")((ctypes.c_float * 2)(10, 20), memoryview(y), grid=2)
    assert y.tolist() == [11, 22]
    z = bytearray(4)
    library.kernel("add_uchar")(b"\1\2\3\4", z, grid=4)
    assert bytes(z) == b"\1\2\3\4"


def test_ml_dtypes(library):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes isn't installed")
    x, y = np.ones(3, ml_dtypes.bfloat16), np.full(3, 2, ml_dtypes.bfloat16)
    library.kernel("add_bfloat")(x, y, grid=3)
    assert y.astype(np.float32).tolist() == [3] * 3


def test_torch(library):
    torch = pytest.importorskip("torch", reason="PyTorch isn't installed")
    for metal, dtype in [*TYPES.items(), ("bfloat", "bfloat16")]:
        x, y = torch.ones(4, dtype=getattr(torch, dtype)), torch.zeros(4, dtype=getattr(torch, dtype))
        library.kernel(f"add_{metal}")(x, y, grid=4)
        assert y.tolist() == [1] * 4, dtype
    flags = torch.tensor([True, False])
    library.kernel("flip")(flags, grid=2)
    assert flags.tolist() == [False, True]
    with pytest.raises(ValueError, match="isn't row-major"):
        library.kernel("add_float")(torch.ones(4, 4).T, torch.zeros(16), grid=16)
    with pytest.raises((ValueError, RuntimeError, BufferError), match="grad"):
        library.kernel("add_float")(torch.ones(4, requires_grad=True), torch.zeros(4), grid=4)


def test_jax(library):
    jax = pytest.importorskip("jax", reason="JAX isn't installed")
    y = np.ones(4, np.float32)
    library.kernel("add_float")(jax.numpy.arange(4, dtype="float32"), y, grid=4)
    assert y.tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        library.kernel("add_float")(y, jax.numpy.zeros(4), grid=4)
    bits = jax.numpy.ones(2, "bfloat16")
    out = np.zeros(2, np.uint16)
    library.kernel("add_bfloat")(bits, anymetal.Buffer(out), grid=2)
    assert out.tolist() == [0x3F80] * 2


def test_mlx(library):
    mx = pytest.importorskip("mlx.core", reason="MLX isn't installed")
    for metal, dtype in [*TYPES.items(), ("bfloat", "bfloat16")]:
        x, y = mx.arange(4).astype(getattr(mx, dtype)), np.zeros(4, TYPES.get(metal, "uint16"))
        library.kernel(f"add_{metal}")(x, anymetal.Buffer(y), grid=4)
        assert (y.tolist() == [0, 1, 2, 3]) if metal != "bfloat" else (y.tolist() == [0, 0x3F80, 0x4000, 0x4040])
    z = mx.array([1.0, 2.0])
    library.kernel("add_float")(mx.ones(2) * 3, z, grid=2)
    assert z.tolist() == [4, 5]
