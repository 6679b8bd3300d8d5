"""Products with matrices of small floating-point numbers that share a scale in each group; and how
numbers become those and back."""

import numpy as np

from anymetal import Buffer
from framework import METAL, covers, decode, encode, storage
from matrices import EPSILON, bound, ints, operand, packed, product, strides

INCLUDES = ["steel/gemm/gemm.h", "quantized_utils.h"]
TYPES = ["float32", "float16", "bfloat16"]
MODES = [(16, 4), (32, 4), (32, 8)]  # nvfp4, mxfp4, mxfp8: group, bits
EACH = [(dtype, group, bits) for dtype in TYPES for group, bits in MODES]
SOME = EACH[::4]  # for kernels that unpack with the code of the others: each type, each mode
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
GLOBAL = 448 * 6  # what MLX divides a matrix's own scale by
DOUBLE = "NumPy in double"


def e4m3(codes):
    exponent, fraction = (codes >> 3) & 15, codes & 7
    size = np.where(exponent == 0, fraction * 2.0**-9, (8 + fraction) * 2.0**(exponent - 10.0))
    size = np.where((codes & 127) == 127, np.nan, size)
    return np.where(codes & 128, -size, size)


def e2m1(codes):
    return np.where(codes & 8, -1, 1) * E2M1[codes & 7]


def matrix(rng, shape, group, bits):
    """Words, scales, and the values."""
    codes = rng.integers(0, 2**bits, size=shape)
    if bits == 8:
        codes = np.where((codes & 127) == 127, codes - 1, codes)  # no NaN
    values = e4m3(codes) if bits == 8 else e2m1(codes)
    groups = (*shape[:-1], shape[-1] // group)
    if group == 16:
        scales = rng.integers(40, 60, size=groups)
        sizes = e4m3(scales)
    else:
        scales = rng.integers(124, 129, size=groups) - (5 if bits == 8 else 0)
        sizes = 2.0**(scales - 127.0)
    return packed(codes, bits), scales.astype(np.uint8), values * np.repeat(sizes, group, -1)


def shaped(x_shape, words, scales):
    """The arguments about batches: one dimension of them, dense."""
    return {
        "x_batch_ndims": 1, "x_shape": ints(*x_shape), "w_batch_ndims": 1,
        "x_strides": strides(x_shape[1] * x_shape[2], x_shape[2], 1), "w_shape": ints(*words.shape),
        "w_strides": strides(words[0].size, words.shape[-1],
                             1), "s_strides": strides(scales[0].size, scales.shape[-1], 1)
    }


def flag(value):
    return str(bool(value)).lower()


def compare(run, name, dtype, shape, y, x, values, k, stores=1):
    expected, magnitude = product(x, values)
    # Weights are kept in the type: of few bits, they lose nothing there but as small ones in half.
    loss = EPSILON[dtype] / 2 * np.nan_to_num(magnitude) if dtype != "float32" else 0
    run.check(name, dtype, shape, y, expected, oracle=DOUBLE,
              atol=bound(expected, magnitude, k, dtype, stores) + loss)


class Product:
    """One kernel: what it is called with, but for its matrices."""
    def __init__(self, name, shapes, more="", turned=False, outputs=8, extra=(), scaled=True):
        self.name, self.shapes, self.more = name, shapes, more
        self.turned = turned  # the matrix lies (inputs, outputs)
        self.outputs = outputs  # of a threadgroup
        self.extra, self.scaled = dict(extra), scaled
        self.tiled = "qmm" in name

    def instances(self, dtype, group, bits):
        for aligned in (False, True) if self.name.endswith("qmm_t") else (False, ):
            for batched in (False, ) if "gather" in self.name else (False, True):
                more = self.more + (f", {flag(aligned)}" if self.name.endswith("qmm_t") else "")
                more += "" if "gather" in self.name else f", {flag(batched)}"
                text = f"{self.name}<{METAL[dtype]}, {group}, {bits}{more}>"
                yield f"{self.name}{self.more}{int(aligned)}{int(batched)}", text

    def launch(self, library, dtype, m, n, k, batches, arguments):
        aligned = self.name.endswith("qmm_t") and n % 32 == 0
        which = int(batches > 1 and "gather" not in self.name)
        sizes = {"K": k, "N": n, "M": m} if self.tiled else {"in_vec_size": k, "out_vec_size": n}
        if self.tiled:
            grid, group = (-(-n // 32), -(-m // 32), batches), (32, 2, 2)
        else:
            rows = -(-m // self.extra["count"]) if "count" in self.extra else m
            grid = (rows, -(-n // self.outputs), batches)
            group = (32, 1 if "quad" in self.name else 2, 1)
        if "count" in self.extra:
            sizes["M"] = m
        if self.scaled:
            sizes["global_scale"] = np.ones(1, np.float32)
        library.kernel(f"{self.name}{self.more}{int(aligned)}{which}")(**sizes, **arguments,
                                                                       threadgroups=grid,
                                                                       threadgroup=group)

    def run(self, run, library, rng, dtype, group, bits):
        left, right = np.array([2, 0, 1, 1], np.uint32), np.array([1, 1, 0, 2], np.uint32)
        for at, (m, n, k) in enumerate(self.shapes):
            gathers = "gather" in self.name
            batch = 3 if gathers else 1 + at % 2
            x, x_values = operand(rng, (batch, m, k), dtype, {(0, m - 1, 3): np.nan,
                                                              (0, m // 2, 0): np.inf})
            w, scales, values = matrix(rng, (batch, k, n) if self.turned else (batch, n, k), group,
                                       bits)
            y = np.zeros((4 if gathers else batch, m, n), storage(dtype))
            arguments = {
                "w": w, "scales": scales, "x": Buffer(x), "y": Buffer(y),
                **shaped(x.shape, w, scales)
            }
            if gathers:
                arguments |= {
                    "lhs_indices": left, "rhs_indices": right, "batch_ndims": 1,
                    "batch_shape": ints(4), "lhs_strides": strides(1), "rhs_strides": strides(1)
                }
            self.launch(library, dtype, m, n, k, len(y), arguments)
            values = values if self.turned else values.swapaxes(1, 2)
            if gathers:
                x_values, values = x_values[left], values[right]
            compare(run, self.name, dtype, [len(y), m, n, k], decode(y, dtype), x_values, values, k)


def run_all(run, products, seed, each=EACH):
    rng = np.random.default_rng(seed)
    for dtype, group, bits in each:
        library = run.library({
            name: text
            for product in products
            for name, text in product.instances(dtype, group, bits)
        })
        for each in products:
            each.run(run, library, rng, dtype, group, bits)


@covers("fp_quantized.h", *INCLUDES)
def products(run):
    run_all(run, [
        Product("fp_qmv", [(1, 5, 128), (2, 13, 256), (3, 8, 384)]),
        Product("fp_qmv_fast", [(1, 8, 1024), (2, 24, 1024), (1, 16, 2048)]),
        Product("fp_qvm", [(1, 128, 33), (2, 256, 64), (3, 128, 5)], turned=True, outputs=32),
    ], 1)


@covers("fp_quantized.h", *INCLUDES)
def tiles(run):
    run_all(run, [
        Product("fp_qmm_t", [(33, 40, 128), (7, 64, 64), (5, 70, 128)]),
        Product("fp_qmm_n", [(33, 128, 40), (8, 64, 64), (35, 128, 33)], turned=True, scaled=False),
    ], 8, SOME)


@covers("fp_quantized.h", *INCLUDES)
def quad_and_wide(run):
    quads = [
        Product("fp_qmv_quad", [(1, 37, k), (3, 64, k)], f", {k}", outputs=64, scaled=False)
        for k in (64, 128)
    ]
    wide = [
        Product("fp_qmv_wide", [(m, n, 256), (count, 16, 128)], f", {count}, 16", outputs=4,
                extra={"count": count}, scaled=False)
        for count, m, n in ((2, 3, 9), (3, 3, 13), (4, 7, 6), (5, 11, 5))
    ]
    run_all(run, quads + wide, 2)


@covers("fp_quantized.h", *INCLUDES)
def gathers(run):
    run_all(run, [
        Product("fp_gather_qmv", [(1, 5, 128), (2, 13, 256), (1, 8, 128)]),
        Product("fp_gather_qmv_fast", [(1, 8, 1024), (2, 16, 1024), (1, 24, 1024)]),
        Product("fp_gather_qvm", [(1, 128, 33), (2, 256, 7),
                                  (1, 128, 40)], turned=True, outputs=32),
        Product("fp_gather_qmm_t", [(33, 40, 128), (7, 64, 128), (5, 70, 128)]),
        Product("fp_gather_qmm_n", [(5, 128, 40), (33, 128, 33), (8, 256, 32)], turned=True),
    ], 3, SOME)


@covers("fp_quantized.h", *INCLUDES)
def split(run):
    """Parts of the sum, in grid's third dimension."""
    rng = np.random.default_rng(4)
    for dtype, group, bits in SOME:
        t = f"{METAL[dtype]}, {group}, {bits}"
        library = run.library({"qvm": f"fp_qvm_split_k<{t}, 8>"} | {
            f"qmm{int(aligned)}": f"fp_qmm_t_splitk<{t}, {flag(aligned)}>"
            for aligned in (False, True)
        })
        for m, n, k in ((1, 128, 67), (2, 256, 64), (1, 128, 130)):
            part = -(-k // 8)
            x, x_values = operand(rng, (m, k), dtype, {(m - 1, 3): np.nan})
            w, scales, values = matrix(rng, (k, n), group, bits)
            y = np.zeros((8, m, n), storage(dtype))
            about = shaped((8, m, k), w[None], scales[None])
            about |= {
                "x_strides": strides(part, k,
                                     1), "w_strides": strides(part * w.shape[1], w.shape[1], 1),
                "s_strides": strides(part * n // group, n // group, 1)
            }
            library.kernel("qvm")(w=w, scales=scales, x=Buffer(x), y=Buffer(y), in_vec_size=part,
                                  out_vec_size=n, **about, final_block_size=k - 7 * part,
                                  threadgroups=(m, -(-n // 32), 8), threadgroup=(32, 2, 1))
            for at in range(8):
                along = slice(at * part, (at + 1) * part)
                compare(run, "fp_qvm_split_k", dtype, [m, n, k], decode(y[at], dtype),
                        x_values[:, along], values[along], k)
        for m, n, k in ((5, 33, 256), (33, 64, 256), (32, 70, 512)):
            x, x_values = operand(rng, (m, k), dtype, {(m - 1, 3): np.nan})
            w, scales, values = matrix(rng, (n, k), group, bits)
            y = np.zeros((2, m, n), np.float32)
            library.kernel(f"qmm{int(n % 32 == 0)}")(w=w, scales=scales, x=Buffer(x), y=y, K=k, N=n,
                                                     M=m, k_partition_size=k // 2,
                                                     split_k_partition_stride=m * n,
                                                     threadgroups=(-(-n // 32), -(-m // 32), 2),
                                                     threadgroup=(32, 2, 2))
            for at in range(2):
                along = slice(at * k // 2, (at + 1) * k // 2)
                compare(run, "fp_qmm_t_splitk", dtype, [m, n, k], y[at], x_values[:, along],
                        values.T[along], k)


@covers("fp_quantized.h", *INCLUDES)
def gather_rhs(run):
    """Rows of x in groups, each with a matrix of its own."""
    rng = np.random.default_rng(5)
    uses = ((37, 40, 128, [3, 3, 20, 37], True), (32, 64, 128, [16, 32], True),
            (9, 128, 33, [9], False), (32, 128, 64, [0, 5, 32], False))
    for dtype, group, bits in SOME:
        t = f"{METAL[dtype]}, {group}, {bits}"
        library = run.library({
            f"k{int(turned)}": f"fp_gather_qmm_rhs<{t}, 16, 32, 32, 1, 2, "
            f"{flag(turned)}>"
            for turned in (False, True)
        })
        for m, n, k, ends, turned in uses:
            groups = len(ends)
            x, x_values = operand(rng, (m, k), dtype, {(m - 1, 3): np.nan})
            w, scales, values = matrix(rng, (groups, n, k) if turned else (groups, k, n), group,
                                       bits)
            y = np.zeros((m, n), storage(dtype))
            aligned = {200: m % 16 == 0, 201: n % 32 == 0, 202: k % 32 == 0}
            library.kernel(f"k{int(turned)}",
                           aligned)(x=Buffer(x), w=w, scales=scales, offsets=ints(0,
                                                                                  *ends)[:groups],
                                    y=Buffer(y), M=m, global_scale=np.ones(1, np.float32), N=n, K=k,
                                    num_groups=groups,
                                    threadgroups=(-(-n // 32), -(-m // 16) + groups, 1),
                                    threadgroup=(32, 2, 1))
            values = values.swapaxes(1, 2) if turned else values
            which = np.searchsorted(ends, np.arange(m), side="right")
            compare(run, "fp_gather_qmm_rhs", dtype, [m, n, k, groups],
                    decode(y, dtype)[:, None], x_values[:, None], values[which], k)


@covers("fp_quantized.h", *INCLUDES)
def matrix_scale(run):
    """A matrix of nvfp4 may have one more scale of its own; of a gathering, each matrix."""
    rng = np.random.default_rng(6)
    gathered = Product("fp_gather_qmv", [])
    scale = np.array([GLOBAL, GLOBAL / 2, GLOBAL * 4], np.float32)
    left, right = np.array([2, 0, 1, 1], np.uint32), np.array([1, 1, 0, 2], np.uint32)
    for dtype in TYPES:
        library = run.library({"k": f"{gathered.name}<{METAL[dtype]}, 16, 4, true>"})
        for m, n, k in ((1, 5, 128), (2, 13, 256), (1, 8, 128)):
            x, x_values = operand(rng, (3, m, k), dtype, {(0, m - 1, 3): np.nan})
            w, scales, values = matrix(rng, (3, n, k), 16, 4)
            y = np.zeros((4, m, n), storage(dtype))
            library.kernel("k")(w=w, scales=scales, global_scale=scale, x=Buffer(x), y=Buffer(y),
                                in_vec_size=k, lhs_indices=left, rhs_indices=right, out_vec_size=n,
                                **shaped(x.shape, w, scales), batch_ndims=1, batch_shape=ints(4),
                                lhs_strides=strides(1), rhs_strides=strides(1),
                                threadgroups=(m, -(-n // 8), 4), threadgroup=(32, 2, 1))
            values = values.swapaxes(1, 2) * (scale / GLOBAL)[:, None, None]
            compare(run, "fp_gather_qmv<matrix scale>", dtype, [4, m, n, k], decode(y, dtype),
                    x_values[left], values[right], k)


def nearest(values, table):
    """Indices of the nearest in a table of sizes, of two the even one; the largest for what is
    larger."""
    sizes = np.abs(values).astype(np.float64)
    middle = (table[1:] + table[:-1]) / 2
    low = np.searchsorted(middle, sizes, side="left")
    high = np.searchsorted(middle, sizes, side="right")
    return np.where(low % 2 == 0, low, high) | np.where(np.signbit(values), len(table), 0)


def quantized(w, group, bits, scale):
    """Codes and scales, in steps of float as the kernel takes them."""
    f = np.float32
    parts = w.reshape(*w.shape[:-1], -1, group)
    factor = f(GLOBAL) / scale if scale else f(1)
    sizes = np.abs(parts).max(-1) / f(6 if bits == 4 else 448)
    eights = np.where(np.arange(128) == 127, np.inf, e4m3(np.arange(128)))
    with np.errstate(all="ignore"):
        if group == 16:
            scales = nearest(sizes * factor, eights[:127])
            decoded = eights[scales].astype(np.float32)
        else:
            decoded = np.exp2(np.ceil(np.log2(sizes))).astype(np.float32)
            scales = np.where(np.isfinite(decoded), np.log2(decoded) + 127, 255)
        inverse = np.where(decoded == 0, 0, factor / decoded).astype(np.float32)
        scaled = parts * inverse[..., None]
        codes = nearest(scaled, E2M1 if bits == 4 else eights[:127]) if bits == 4 else (
            nearest(np.abs(scaled), eights[:127]) | np.where(np.signbit(scaled), 128, 0))
        codes = np.where(np.isnan(scaled), 7 if bits == 4 else 126, codes)
    return codes.reshape(w.shape), scales.astype(np.uint8), decoded / factor


@covers("fp_quantized.h", *INCLUDES)
def conversions(run):
    rng = np.random.default_rng(7)
    for dtype in TYPES:
        modes = [(16, 4, 0), (16, 4, 3.5), (32, 4, 0), (32, 8, 0)]
        kernels = ("quantize", "dequantize", "quantize_dequantize")
        library = run.library({
            f"{name}{at}": f"fp_{name}<{METAL[dtype]}, {group}, {bits}, "
            f"{flag(scale)}>"
            for name in kernels
            for at, (group, bits, scale) in enumerate(modes)
        })
        for at, (group, bits, scale) in enumerate(modes):
            own = np.array([scale or 1], np.float32)
            for which, (rows, columns) in enumerate(((1, 32), (3, 160), (7, 96))):
                values = rng.normal(size=(rows, columns)) * 2.0**rng.integers(-3, 4, (rows, 1))
                if which and group == 16:
                    values[-1, 5] = np.inf
                w = encode(values, dtype)
                codes, scales, sizes = quantized(
                    decode(w, dtype).astype(np.float32), group, bits, np.float32(scale))
                about = f"group {group}, {bits} bits{', matrix scale' if scale else ''}"
                shape = [rows, columns]
                out = np.zeros((rows, columns * bits // 8), np.uint8)
                made = np.zeros(scales.shape, np.uint8)
                library.kernel(f"quantize{at}")(Buffer(w), out, made, own, grid=w.size)
                run.check(f"fp_quantize<{about}>", dtype, shape, made, scales, oracle="NumPy",
                          special=not np.isfinite(values).all())
                run.check(f"fp_quantize<{about}>", dtype, shape, out,
                          packed(codes, bits).view(np.uint8), oracle="NumPy")
                if bits == 8:
                    codes[-1, 7], out[-1, 7] = 127, 127  # NaN
                wanted = (e4m3(codes) if bits == 8 else e2m1(codes)) * np.repeat(sizes, group, -1)
                y = np.zeros((rows, columns), storage(dtype))
                library.kernel(f"dequantize{at}")(out, scales, own, Buffer(y),
                                                  grid=w.size * bits // 8)
                off = 2 * EPSILON[dtype]
                run.check(f"fp_dequantize<{about}>", dtype, shape, decode(y, dtype), wanted,
                          rtol=off, atol=2.0**-24 * (dtype == "float16"), oracle="NumPy")
                if bits == 8:
                    wanted[-1, 7] = np.nan
                library.kernel(f"quantize_dequantize{at}")(Buffer(w), own, Buffer(y), grid=w.size)
                y = decode(y, dtype)
                if bits == 8:
                    y = np.where(np.isnan(wanted), np.nan, y)
                run.check(f"fp_quantize_dequantize<{about}>", dtype, shape, y, wanted, rtol=off,
                          atol=2.0**-24 * (dtype == "float16"), oracle="NumPy")
