"""Kernels of MLX's own headers that are called with arrays and numbers alone: what is instantiated of each header."""

PRE = "#include <metal_stdlib>\nusing namespace metal;\n"
K = '#include "mlx/backend/metal/kernels/{}"\n'

#: By name: the headers, and for each kernel its template arguments.
FAMILIES = {
    "arange": (["utils.h", "arange.h"], ["arange, float", "arange, int", "arange, half"]),
    "unary": (["utils.h", "unary_ops.h", "unary.h"],
              ["unary_v, float, float, Exp", "unary_v, half, half, Exp", "unary_v, float, float, Sigmoid, 4", "unary_v2, float, float, Square", "unary_g, float, float, Sqrt, 2, int"]),
    "binary": (["utils.h", "binary_ops.h", "binary.h"],
               ["binary_ss, float, float, Add", "binary_sv, float, float, Subtract", "binary_vs, half, half, Multiply", "binary_vv, float, float, Add", "binary_vv, int, int, Maximum",
                "binary_vv, float, bool, Less", "binary_vv2, float, float, Add", "binary_sv2, float, float, Add", "binary_vs2, float, float, Add", "binary_g_nd1, float, float, Add, int",
                "binary_g_nd2, float, float, Add, int", "binary_g_nd3, float, float, Add, int", "binary_g, float, float, Add, 2, int"]),
    "binary_two": (["utils.h", "binary_ops.h", "binary_two.h"],
                   ["binary_ss, int, int, DivMod", "binary_vv, float, float, DivMod", "binary_vv2, float, float, DivMod", "binary_g_nd1, float, float, DivMod, int", "binary_g, int, int, DivMod, 2, int"]),
    "ternary": (["utils.h", "ternary_ops.h", "ternary.h"],
                ["ternary_v, float, Select, false, false", "ternary_v, float, Select, true, false", "ternary_v2, half, Select, false, false", "ternary_g_nd1, float, Select, int",
                 "ternary_g_nd2, float, Select, int", "ternary_g_nd3, float, Select, int", "ternary_g, float, Select, 2, int"]),
    "copy": (["utils.h", "copy.h"],
             ["copy_s, float, half", "copy_v, float, half", "copy_v, int, float", "copy_s2, float, float", "copy_v2, float, int", "copy_g_nd1, float, float, int", "copy_g_nd2, float, float, int",
              "copy_g_nd3, float, half, int", "copy_g, float, float, 2, int", "copy_gg_nd1, float, float, int", "copy_gg_nd2, float, float, int", "copy_gg_nd3, float, float, int",
              "copy_gg, float, float, 1, int", "copy_gg_dynamic_nd1, float, float, int", "copy_gg_dynamic_nd2, float, float, int", "copy_gg_dynamic_nd3, float, float, int",
              "copy_gg_dynamic, float, float, 1, int"]),
    "softmax": (["utils.h", "softmax.h"], ["softmax_single_row, float", "softmax_single_row, half, float", "softmax_looped, float", "softmax_looped, half, float"]),
    "logsumexp": (["utils.h", "logsumexp.h"], ["logsumexp, float", "logsumexp_looped, float"]),
    "cross_entropy": (["utils.h", "cross_entropy.h"], ["cross_entropy, float", "cross_entropy_vjp, float"]),
    "searchsorted": (["utils.h", "sort.h", "searchsorted.h"], ["searchsorted, float, true", "searchsorted, int, false"]),
    "dot": (["utils.h", "dot.h"], ["dot_product, float, 16, 32, 1"]),
    "reduce": (["utils.h", "atomic.h", "reduction/ops.h", "reduce.h"],
               ["init_reduce, float, Sum<float>", "all_reduce, float, float, Sum<float>, int", "row_reduce_simple, float, float, Max<float>, int", "row_reduce_small, float, float, Sum<float>, int, 1",
                "col_reduce_small, float, float, Sum<float>, int, 1"]),
    "scan": (["utils.h", "scan.h"], ["contiguous_scan, float, float, CumSum<float>, 4, true, false", "strided_scan, float, float, CumSum<float>, 4, true, false"]),
    "quantized": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"], ["affine_quantize, float, 32, 4", "affine_dequantize, float, 32, 4", "affine_dequantize, half, 64, 8"]),
    "sdpa_blocked": (["utils.h", "sdpa_blocked.h"], ["sdpa_blocked_causal_mask, float"]),
    "gather": (["utils.h", "indexing/indexing.h", "indexing/gather_front.h"], ["gather_front, float, uint, int, 2"]),
}


def text_of(family: str) -> str:
    headers, instances = FAMILIES[family]
    text = PRE + "".join(K.format(each) for each in headers)
    for n, each in enumerate(instances):
        text += f'instantiate_kernel("{each.partition(",")[0].strip()}_{n}", {each})\n'
    return text
