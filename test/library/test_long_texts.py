"""Texts that once took the compiler for ever, or more stack than there is."""

import os
import subprocess

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


def test_masked_accesses_that_the_processor_lacks_count_for_each_lane(tmp_path):
    """Below AVX2 each is a branch for every lane: loops aren't unrolled so far that there are thousands."""
    import anymetal

    text = HEAD + """struct Sum { uint h[8]; uchar piece[64]; uint fill; ulong total; };
void take(thread Sum& s) {
  uint w[16];
  for (int i = 0; i < 16; i++)
    w[i] = (uint(s.piece[4 * i]) << 24) | (uint(s.piece[4 * i + 1]) << 16) | (uint(s.piece[4 * i + 2]) << 8) | uint(s.piece[4 * i + 3]);
  for (int t = 0; t < 64; t++) s.h[t & 7] += (w[(t + 1) & 15] ^ w[(t + 14) & 15]) * s.h[(t + 1) & 7];
}
void put(thread Sum& s, uchar v) { s.piece[s.fill++] = v; if (s.fill == 64) { take(s); s.fill = 0; } }
kernel void k(device const uchar* in, device const uint* ends, device uint* out, uint i [[thread_position_in_grid]]) {
  Sum s{};
  s.h[0] = 1;
  for (uint k = ends[i]; k < ends[i + 1]; k++) { put(s, in[k]); s.total += 8; }
  put(s, 0x80);
  while (s.fill != 56) put(s, 0);
  for (int k = 7; k >= 0; k--) put(s, uchar(s.total >> (8 * k)));
  for (int k = 0; k < 8; k++) out[i * 8 + k] = s.h[k];
}
"""
    (tmp_path / "sums.metal").write_text(text)
    tool = os.path.join(os.path.dirname(anymetal.__file__), "..", "..", "tools", "anymetal")
    done = subprocess.run([tool, "compile", tmp_path / "sums.metal", "--emit=simt", "--threadgroup=32"], capture_output=True, text=True,
                          env={**os.environ, "ANYMETAL_CPU": "sse4.2", "ANYMETAL_CACHE_DIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    masked = sum("call" in line and "@llvm.masked." in line for line in lines)
    assert masked > 0 and masked * 4 * 5 + len(lines) <= 60_000, (masked, len(lines))
