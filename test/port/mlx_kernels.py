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


_VECTOR = ["in_vec_size=512", "out_vec_size=16", "x_batch_ndims=1", "w_batch_ndims=1"]
_MATRIX = ["x_batch_ndims=1", "w_batch_ndims=1"]
_GEMM = "params={'M': %d, 'N': %d, 'K': %d, 'lda': 32, 'ldb': %d, 'ldd': 64, 'tiles_n': %d, 'tiles_m': %d, 'batch_stride_a': 0, 'batch_stride_b': 0, 'batch_stride_d': 0, " \
        "'swizzle_log': 0, 'gemm_k_iterations_aligned': %d, 'batch_ndim': 1}"
_STRIDES = "[4096, 2048, 64]"
_ATTENTION = "params={'B': 1, 'H': 2, 'D': 64, 'qL': 32, 'kL': 32, 'gqa_factor': 1, 'scale': 0.125, 'NQ': 1, 'NK': 1, 'NQ_aligned': 1, 'NK_aligned': 1, 'qL_rem': 0, 'kL_rem': 0, " \
             f"'qL_off': 0, 'Q_strides': {_STRIDES}, 'K_strides': {_STRIDES}, 'V_strides': {_STRIDES}, 'O_strides': {_STRIDES}}}"
_SDPA = ["queries:float32[2,3,64]", "keys:float32[2,19,64]", "values:float32[2,19,64]", "gqa_factor=1", "N=19", "k_head_stride=1216", "k_seq_stride=64", "v_head_stride=1216",
         "v_seq_stride=64", "scale=0.125", "num_q_heads=2"]

#: Kernels with simdgroup matrices, quantized products and attention, which no guess fits: headers, template arguments, grid, threadgroup, arguments, constants.
SIZED = {
    "gemm": (["utils.h", "steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"], "gemm, float, 32, 32, 16, 2, 2, false, false", "64,4,2", "32,2,2",
             ["A:float32[64,32]", "B:float32[32,64]", _GEMM % (64, 64, 32, 64, 2, 2, 2)], "has_batch=false use_out_source=false do_axpby=false align_M=true align_N=true align_K=true"),
    "gemm_added": (["utils.h", "steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"], "gemm, float, 32, 32, 16, 2, 2, false, false", "64,4,2", "32,2,2",
                   ["A:float32[64,32]", "B:float32[32,64]", "C:float32[64,64]", _GEMM % (61, 50, 29, 64, 2, 2, 1), "addmm_params={'ldc': 64, 'fdc': 1, 'batch_stride_c': 0, 'alpha': 0.5, 'beta': 2}"],
                   "has_batch=false use_out_source=true do_axpby=true align_M=false align_N=false align_K=false"),
    "gemm_half": (["utils.h", "steel/gemm/gemm.h", "steel/gemm/kernels/steel_gemm_fused.h"], "gemm, half, 64, 64, 16, 1, 2, false, true", "64,2,1", "32,2,1",
                  ["A:float16[64,32]", "B:float16[64,32]", _GEMM % (64, 64, 32, 32, 1, 1, 2)], "has_batch=false use_out_source=false do_axpby=false align_M=true align_N=true align_K=true"),
    "qmv": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"], "affine_qmv, float, 64, 4, false", "32,4,1", "32,2,1",
            ["w:uint32[16,64]", "scales:float32[16,8]", "biases:float32[16,8]", "x:float32[1,512]", *_VECTOR], ""),
    "qmv_fast": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"], "affine_qmv_fast, half, 64, 4, false", "32,4,1", "32,2,1",
                 ["w:uint32[16,64]", "scales:float16[16,8]", "biases:float16[16,8]", "x:float16[1,512]", *_VECTOR], ""),
    "qmm_t": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"], "affine_qmm_t, float, 64, 4, true, false", "32,2,2", "32,2,2",
              ["w:uint32[32,16]", "scales:float32[32,2]", "biases:float32[32,2]", "x:float32[32,128]", "K=128", "N=32", "M=32", *_MATRIX], ""),
    "qmm_n": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "quantized.h"], "affine_qmm_n, float, 64, 4, false", "64,2,2", "32,2,2",
              ["w:uint32[128,8]", "scales:float32[128,1]", "biases:float32[128,1]", "x:float32[32,128]", "K=128", "N=64", "M=32", *_MATRIX], ""),
    "fp_qmv": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "fp_quantized.h"], "fp_qmv, float, 32, 4, false", "32,4,1", "32,2,1",
               ["w:uint32[16,64]", "scales:uint8[16,16]", "x:float32[1,512]", *_VECTOR], ""),
    "fp_qmm_t": (["utils.h", "steel/gemm/gemm.h", "quantized_utils.h", "fp_quantized.h"], "fp_qmm_t, float, 32, 4, true, false", "32,2,2", "32,2,2",
                 ["w:uint32[32,16]", "scales:uint8[32,4]", "x:float32[32,128]", "K=128", "N=32", "M=32", *_MATRIX], ""),
    "sdpa_vector": (["utils.h", "sdpa_vector.h"], "sdpa_vector, float, 64, 64", "2048,3,1", "1024,1,1", _SDPA,
                    "query_transposed=false do_causal=false bool_mask=false float_mask=false has_sinks=false"),
    "sdpa_masked": (["utils.h", "sdpa_vector.h"], "sdpa_vector, float, 64, 64", "2048,3,1", "1024,1,1",
                    [*_SDPA, "fmask:float32[2,3,19]", "mask_kv_seq_stride=1", "mask_q_seq_stride=19", "mask_head_stride=57"],
                    "query_transposed=false do_causal=true bool_mask=false float_mask=true has_sinks=false"),
    "attention": (["utils.h", "steel/attn/kernels/steel_attention.h"], "attention, float, 32, 32, 64, 64, 4, 1, float", "64,4,1", "32,4,1",
                  [f"{name}:float32[1,2,32,64]" for name in "QKV"] + [_ATTENTION], "align_Q=true align_K=true has_mask=false do_causal=false has_sinks=false save_lse=false"),
    "gemv": (["utils.h", "steel/utils.h", "gemv.h"], "gemv, float, 1, 8, 1, 32, 4, 4, false, false", "32,8,1", "32,8,1",
             ["mat:float32[128,256]", "in_vec:float32[256]", "in_vec_size=256", "out_vec_size=128", "matrix_ld=256", "batch_ndim=1"], ""),
    "block_sort": (["utils.h", "sort.h"], "block_sort, float, float, false, 32, 4", None, None, [], ""),
}


def sized(name: str) -> tuple[str, list[str]]:
    """The text, and the words of the command."""
    headers, instance, grid, threadgroup, arguments, constants = SIZED[name]
    text = PRE + "".join(K.format(each) for each in headers) + f'instantiate_kernel("{name}", {instance})\n'
    words = ["--grid", grid, "--threadgroup", threadgroup] if grid else []
    for option, values in (("--argument", arguments), ("--constant", constants.split())):
        for each in values:
            words += [option, each]
    return text, words
