"""Texts that once took the compiler for ever, or more stack than there is."""

import pytest

np = pytest.importorskip("numpy")

HEAD = "#include <metal_stdlib>\nusing namespace metal;\n"


def compiled(body, name="k"):
    import anymetal

    return anymetal.Library(HEAD + body).kernel(name)


def test_layers_of_or():
    """Each layer twice as many ways to where bits come from."""
    width, layers = 13, 40
    lines = [f"uint a0_{j} = x[i * {width} + {j}];" for j in range(width)]
    for k in range(layers):
        shift = k % (width - 1) + 1
        lines += [f"uint a{k + 1}_{j} = a{k}_{j} | a{k}_{(j + shift) % width};" for j in range(width)]
    lines += [f"y[i * {width} + {j}] = a{layers}_{j};" for j in range(width)]
    kernel = compiled("kernel void k(device const uint* x, device uint* y, uint i [[thread_position_in_grid]]) { %s }" % "\n".join(lines))
    x = np.random.default_rng(1).integers(0, 2**32, (64, width), dtype=np.uint32)
    y = np.zeros_like(x)
    kernel(x, y, grid=64, threadgroup=64)
    np.testing.assert_array_equal(y, np.repeat(np.bitwise_or.reduce(x, axis=1)[:, None], width, axis=1))


def test_a_long_way_to_an_address():
    """9,000 operations, of which the analysis of distances follows some."""
    steps = 9000
    body = "\n".join(f"r = (r * {2 * k + 3}u) ^ c[{k % 16}];" for k in range(steps))
    kernel = compiled("kernel void k(device const uint* x, constant uint* c, device uint* y, uint i [[thread_position_in_grid]]) "
                      "{ uint r = i; %s y[i] = x[r & 1023] + x[(r & 1023) + 1]; }" % body)
    x, c, y = np.arange(1025, dtype=np.uint32), np.arange(16, dtype=np.uint32) * 77, np.zeros(32, np.uint32)
    kernel(x, c, y, grid=32, threadgroup=32)
    r = np.arange(32, dtype=np.uint32)
    for k in range(steps):
        r = r * np.uint32(2 * k + 3) ^ c[k % 16]
    np.testing.assert_array_equal(y, (r & 1023) * 2 + 1)


@pytest.mark.goes_on_outside
@pytest.mark.parametrize("type, index", [("uchar", "ulong(i) * 0x4000000000000001ul"), ("float", "long(i) * 0x2000000000000001l"),
                                         ("uchar", "ulong(i) * 0x8000000000000001ul"), ("half", "long(i) * 0x1000000000000001l")])
def test_lanes_as_far_apart_as_numbers_can_be(type, index):
    kernel = compiled(f"kernel void k(device const {type}* x, device {type}* y, uint i [[thread_position_in_grid]]) {{ y[i] = x[{index}]; }}")
    dtype = {"uchar": np.uint8, "float": np.float32, "half": np.float16}[type]
    x, y = np.full(64, 5, dtype), np.full(64, 9, dtype)
    kernel(x, y, grid=64, threadgroup=64)
    at = [i * int(index.split("* ")[1].rstrip("ul"), 16) % 2**64 * np.dtype(dtype).itemsize % 2**64 for i in range(64)]
    np.testing.assert_array_equal(y, [5 if each < 64 * np.dtype(dtype).itemsize else 0 for each in at])
