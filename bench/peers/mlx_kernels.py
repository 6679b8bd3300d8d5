"""MLX's own kernels, from the headers in its wheel, as its host code launches them; the second one is another of MLX's, or ours, for the same."""

from pathlib import Path

import mlx.core
import numpy as np

import anymetal
import rows
from anymetal import Buffer

FOLDER = "mlx/backend/metal/kernels/"
METAL = {"float": "float", "half": "half", "bfloat": "bfloat16_t"}


def library(headers, instances):
    """Kernels {name: "template<arguments>"} of these headers."""
    wheel = Path(mlx.core.__file__).parent / "include"
    text = "#include <metal_stdlib>\nusing namespace metal;\n"
    text += "".join(f'#include "{FOLDER}{each}"\n' for each in ("utils.h", *headers))
    text += "".join(f'template [[host_name("{name}")]] [[kernel]] decltype({what}) {what};\n' for name, what in instances.items())
    return anymetal.Library(text, include_dirs=[wheel], math_mode="fast", name="mlx.metal")


def strides(*values):
    return np.array(values, np.int64)


def ints(*values):
    return np.array(values, np.int32)


class MlxKernels:
    """Methods for the rows of this kind."""

    def steel_gemm(self, row, sizes, data):
        if self.again:
            return self.simdgroup_gemm(row, sizes, data)
        n = sizes["n"]
        bm, bn, bk, wm, wn = block = (64, 64, 16, 2, 2)
        made = library(["steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"],
                       {"gemm": f"gemm<{METAL[row.dtype]}, {', '.join(map(str, block))}, false, false>"})
        kernel = made.kernel("gemm", {10: False, 100: False, 110: False, 200: True, 201: True, 202: True})
        c = np.zeros((n, n), rows.storage(row.dtype))
        params = {"M": n, "N": n, "K": n, "lda": n, "ldb": n, "ldd": n, "tiles_n": n // bn, "tiles_m": n // bm, "batch_stride_a": 0,
                  "batch_stride_b": 0, "batch_stride_d": 0, "swizzle_log": 0, "gemm_k_iterations_aligned": n // bk, "batch_ndim": 1}
        given = {0: Buffer(data["a"]), 1: Buffer(data["b"]), 3: Buffer(c), 4: params, 6: ints(1), 7: strides(0, 0, 0)}
        groups = (n // bn, n // bm, 1)
        return lambda: kernel(buffers=given, threadgroups=groups, threadgroup=(32, wn, wm)), lambda: c

    def simdgroup_gemm(self, row, sizes, data):
        n = sizes["n"]
        c = np.zeros((n, n), rows.storage(row.dtype))
        return self.kernel_call("steel_gemm", [data["a"], data["b"], c, n], c, row.dtype, threadgroups=(n // 32, n // 64), threadgroup=(32, 2))

    def sdpa(self, row, sizes, data):
        return self.sdpa_vector(sizes, data) if sizes["queries"] == 1 else self.sdpa_full(sizes, data)

    def sdpa_vector(self, sizes, data):
        heads, kv_heads, keys, dim = (sizes[name] for name in ("heads", "kv_heads", "keys", "dim"))
        out = np.zeros_like(data["q"])
        q, k, v, to = (Buffer(each) for each in (data["q"], data["k"], data["v"], out))
        steps = [keys * dim, dim, keys * dim, dim]
        constants = {20: False, 21: False, 22: False, 23: False, 24: False, 25: False}
        if not self.again:
            kernel = library(["sdpa_vector.h"], {"one": f"sdpa_vector<float, {dim}, {dim}>"}).kernel("one", constants | {26: 32})
            given = {0: q, 1: k, 2: v, 3: to, 4: heads // kv_heads, 5: keys, **dict(zip(range(6, 10), steps)), 10: dim**-0.5}
            return lambda: kernel(buffers=given, threadgroups=(heads, 1, 1), threadgroup=(1024, 1, 1)), lambda: out
        blocks = 32
        made = library(["sdpa_vector.h"], {"two": f"sdpa_vector_2pass_1<float, {dim}, {dim}>", "end": f"sdpa_vector_2pass_2<float, {dim}>"})
        first, second = made.kernel("two", constants | {26: blocks}), made.kernel("end")
        partial, sums, tops = np.zeros((heads, blocks, dim), np.float32), *np.zeros((2, heads, blocks), np.float32)
        given = {0: q, 1: k, 2: v, 3: Buffer(partial), 4: sums, 5: tops, 7: keys, **dict(zip(range(8, 12), steps)), 12: dim**-0.5}

        def call():
            first(buffers=given, threadgroups=(kv_heads, 1, blocks), threadgroup=(32, heads // kv_heads, 1))
            second(Buffer(partial), sums, tops, to, blocks, threadgroups=(heads, 1, 1), threadgroup=(1024, 1, 1))
        return call, lambda: out

    def sdpa_full(self, sizes, data):
        heads, kv_heads, queries, keys, dim = (sizes[name] for name in ("heads", "kv_heads", "queries", "keys", "dim"))
        bq, bk = 32, 16 if self.again else 32
        made = library(["steel/attn/kernels/steel_attention.h"], {"attention": f"attention<float, {bq}, {bk}, {dim}, {dim}, 4, 1, float, float>"})
        whole = queries // bq, keys // bk
        kernel = made.kernel("attention", {200: queries % bq == 0, 201: keys % bk == 0, 300: False, 301: False, 302: False, 303: False})
        params = {"B": 1, "H": heads, "D": dim, "qL": queries, "kL": keys, "gqa_factor": heads // kv_heads, "scale": dim**-0.5,
                  "NQ": -(-queries // bq), "NK": -(-keys // bk), "NQ_aligned": whole[0], "NK_aligned": whole[1],
                  "qL_rem": queries - whole[0] * bq, "kL_rem": keys - whole[1] * bk, "qL_off": keys - queries}
        params |= {f"{name}_strides": [count * length * dim, length * dim, dim]
                   for name, count, length in (("Q", heads, queries), ("K", kv_heads, keys), ("V", kv_heads, keys), ("O", heads, queries))}
        out = np.zeros_like(data["q"])
        given = {0: Buffer(data["q"]), 1: Buffer(data["k"]), 2: Buffer(data["v"]), 3: Buffer(out), 4: params}
        return lambda: kernel(buffers=given, threadgroups=(params["NQ"], heads, 1), threadgroup=(32, 4, 1)), lambda: out

    def quantized_gemv(self, row, sizes, data):
        n, k = sizes["n"], sizes["k"]
        name = "affine_qmv" if self.again else "affine_qmv_fast"
        kernel = library(["steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"], {"qmv": f"{name}<float, 64, 4, false>"}).kernel("qmv")
        y = np.zeros(n, np.float32)
        about = {"x_batch_ndims": 1, "x_shape": ints(1, 1, k), "x_strides": strides(k, k, 1), "w_batch_ndims": 1, "w_shape": ints(1, n, k // 8),
                 "w_strides": strides(n * k // 8, k // 8, 1), "s_strides": strides(n * k // 64, k // 64, 1), "b_strides": strides(n * k // 64, k // 64, 1)}
        return lambda: kernel(w=data["w"], scales=Buffer(data["scales"]), biases=Buffer(data["biases"]), x=Buffer(data["x"]), y=Buffer(y), in_vec_size=k,
                              out_vec_size=n, **about, threadgroups=(1, n // 8, 1), threadgroup=(32, 2, 1)), lambda: y

    def sort(self, row, sizes, data):
        columns = sizes["columns"]
        threads, each = (256, 8) if self.again else (512, 4)
        kernel = library(["sort.h"], {"sort": f"block_sort<float, float, false, {threads}, {each}>"}).kernel("sort")
        y = np.zeros_like(data["x"])
        x, to = Buffer(data["x"]), Buffer(y)
        return lambda: kernel(x, to, columns, 1, 1, columns, columns, threadgroups=(1, sizes["rows"]), threadgroup=threads), lambda: y

    def scan(self, row, sizes, data):
        columns = sizes["columns"]
        y = np.zeros_like(data["x"])
        if self.again:
            return self.kernel_call("scan", [data["x"], y, columns], y, threadgroups=sizes["rows"], threadgroup=256)
        kernel = library(["binary_ops.h", "scan.h"], {"scan": "contiguous_scan<float, float, CumSum<float>, 4, true, false>"}).kernel("scan")
        threads = min(1024, -(-columns // 128) * 32)
        x, to = Buffer(data["x"]), Buffer(y)
        return lambda: kernel(x, to, columns, threadgroups=(1, sizes["rows"]), threadgroup=threads), lambda: y
