"""Buffers of 2^31 elements and more, whose memory is taken where it is touched only."""

import pytest

np = pytest.importorskip("numpy")

BYTES = (4 << 30) + 64
FORMS = {  # what the index is, and the same in Python
    "i + 2147483648u": lambda i, q: i + 2147483648,
    "i + 2147483000u": lambda i, q: i + 2147483000,
    "i + q": lambda i, q: i + q,
    "i * 4u + q": lambda i, q: i * 4 + q,
    "i * 4u + 4294967000u": lambda i, q: i * 4 + 4294967000,
    "ulong(i + q)": lambda i, q: i + q,
    "ulong(i) + ulong(q) + 1000000000ul": lambda i, q: i + q + 1000000000,
    "i * 2654435761u": lambda i, q: i * 2654435761,
}


@pytest.fixture(scope="module")
def memory():
    try:
        return np.zeros(BYTES, np.uint8)
    except MemoryError:
        pytest.skip("no addresses for 4 GiB")


def indices(form, q, is_wide):
    index = FORMS[form](np.arange(2000, dtype=np.uint64), np.uint64(q))
    return index if is_wide else index & np.uint64(0xffffffff)


@pytest.mark.parametrize("form", FORMS)
def test_indices_of_32_bits(memory, form):
    import anymetal

    q = 3000000000
    library = anymetal.Library(f"""#include <metal_stdlib>
using namespace metal;
kernel void writes(device uchar* y, constant uint& q, uint i [[thread_position_in_grid]]) {{ y[{form}] = i % 251 + 1; }}
kernel void reads(device const uchar* y, device uchar* z, constant uint& q, uint i [[thread_position_in_grid]]) {{ z[i] = y[{form}]; }}
kernel void halves(device ushort* y, constant uint& q, uint i [[thread_position_in_grid]]) {{ y[({form}) / 2] = i + 1; }}
""")
    at = indices(form, q, form.startswith("ulong(i) "))
    library.kernel("writes")(memory, np.uint32(q), grid=2000, threadgroup=64)
    expected = (np.arange(2000) % 251 + 1).astype(np.uint8)
    np.testing.assert_array_equal(memory[at], expected)
    z = np.zeros(2000, np.uint8)
    library.kernel("reads")(memory, z, np.uint32(q), grid=2000, threadgroup=64)
    np.testing.assert_array_equal(z, expected)
    halves = memory.view(np.uint16)
    library.kernel("halves")(halves, np.uint32(q), grid=2000, threadgroup=64)
    # Two neighbours may write one place.
    assert np.all(np.isin(halves[at // np.uint64(2)], np.arange(1, 2001)))
    memory[at] = 0
    memory[at ^ np.uint64(1)] = 0
    assert not memory[:64].any() and not memory[-64:].any()


def test_elements_of_four_bytes_keep_their_neighbours(memory):
    """2^30 of them: no index is as large as 2^31."""
    import anymetal

    floats = memory[: BYTES // 4 * 4].view(np.float32)
    kernel = anymetal.Library("""#include <metal_stdlib>
using namespace metal;
kernel void writes(device float* y, constant uint& q, uint i [[thread_position_in_grid]]) { y[i + q] = i; }
""").kernel("writes")
    for q in (0, 1 << 29, floats.size - 2000):
        kernel(floats, np.uint32(q), grid=2000, threadgroup=64)
        at = slice(q, q + 2000)
        np.testing.assert_array_equal(floats[at], np.arange(2000))
        floats[at] = 0
