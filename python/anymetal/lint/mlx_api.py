"""MLX's functions as the follower needs them: what they return, and which arguments show that a value is an array.

Written from the signatures of MLX 0.32 (mlx/core/*.pyi); types by running them.
"""

from __future__ import annotations

INTEGERS = {"int8": (-128, 127), "int16": (-2**15, 2**15 - 1), "int32": (-2**31, 2**31 - 1), "int64": (-2**63, 2**63 - 1),
            "uint8": (0, 255), "uint16": (0, 2**16 - 1), "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1)}
FLOATS = {"float16", "bfloat16", "float32", "float64"}
DTYPES = {*INTEGERS, *FLOATS, "bool_", "complex64"}
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028235677973366e38}
SMALLEST = {"float16": 2.0**-25, "bfloat16": 4.6e-41, "float32": 7.1e-46}  # half of the least: what is not above becomes 0
EXACT_BITS = {"float16": 11, "bfloat16": 8, "float32": 24}

# Arrays only: a value that is the first argument of one of these is an array.
ARRAY_FIRST = set("""
abs sign negative square sqrt rsqrt reciprocal exp expm1 erf erfinv sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
arctanh log log2 log10 log1p sigmoid stop_gradient matmul softmax logsumexp logcumsumexp zeros_like ones_like reshape flatten unflatten
squeeze expand_dims swapaxes moveaxis transpose take take_along_axis put_along_axis sum mean var std prod min max argmin argmax sort
argsort partition argpartition topk all any cumsum cumprod cummax cummin split tile repeat broadcast_to tril triu conv1d conv2d
conv3d conv_general conv_transpose1d conv_transpose2d quantized_matmul gather_qmm gather_mm addmm inner outer tensordot roll flip
isnan isinf isfinite nan_to_num floor ceil round real imag conj conjugate pad unstack diag diagonal trace as_strided contiguous
dequantize quantize
""".split())
SAME_TYPE = set("""
negative abs square reshape flatten unflatten squeeze expand_dims swapaxes moveaxis transpose take take_along_axis put_along_axis sort
partition topk tile repeat broadcast_to tril triu roll flip floor ceil round stop_gradient contiguous zeros_like ones_like sign pad
diag diagonal as_strided max min cummax cummin clip conj conjugate trunc matrix_transpose permute_dims atleast_1d atleast_2d
atleast_3d positive full_like astype nan_to_num slice slice_update
""".split())
AT_LEAST_FLOAT = set("""
sqrt rsqrt reciprocal exp expm1 erf erfinv sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh log log2 log10
log1p sigmoid softmax logsumexp logcumsumexp mean var std median degrees radians
""".split())
SUMS = {"sum", "prod", "cumsum", "cumprod"}
TO_BOOL = set("isnan isinf isfinite isposinf isneginf logical_not logical_and logical_or logical_xor equal not_equal less less_equal greater "
              "greater_equal array_equal all any allclose isclose".split())
TO_INDEX = {"argmin", "argmax", "argsort", "argpartition"}
BINARY = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "remainder": "%", "power": "**", "maximum": "max",
          "minimum": "min", "logaddexp": "/", "arctan2": "/", "matmul": "+", "inner": "+", "outer": "+", "tensordot": "+", "addmm": "+", "kron": "+",
          "vecdot": "+", "bitwise_and": "+", "bitwise_or": "+", "bitwise_xor": "+", "left_shift": "+", "right_shift": "+"}
COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
LISTS = {"split", "meshgrid", "unstack", "broadcast_arrays", "quantize", "divmod", "minmax", "unique"}
NOT_ARRAYS = set("""
eval async_eval synchronize default_device set_default_device default_stream set_default_stream new_stream stream is_available device_count
device_info get_active_memory get_peak_memory reset_peak_memory get_cache_memory set_memory_limit get_memory_limit set_cache_limit
set_wired_limit clear_cache save savez savez_compressed save_safetensors save_gguf load compile grad value_and_grad vmap vjp jvp
checkpoint custom_function export_function import_function exporter export_to_dot issubdtype result_type can_cast isdtype
broadcast_shapes depends einsum_path disable_compile enable_compile set_printoptions get_printoptions printoptions finfo iinfo
Dtype Device Stream array
""".split())
CREATORS = {"zeros": "float32", "ones": "float32", "eye": "float32", "identity": "float32", "tri": "float32", "linspace": "float32",
            "hanning": "float32", "hamming": "float32", "blackman": "float32", "bartlett": "float32"}
RANDOM = {"normal": "float32", "uniform": "float32", "laplace": "float32", "gumbel": "float32", "truncated_normal": "float32",
          "multivariate_normal": "float32", "randint": "int32", "bernoulli": "bool_", "categorical": "uint32", "permutation": None,
          "key": "uint32", "split": "uint32"}
FORWARD_FFT = {"fft", "fft2", "fftn", "rfft", "rfft2", "rfftn"}
INVERSE_FFT = {"ifft", "ifft2", "ifftn", "irfft", "irfft2", "irfftn"}
FFT_REAL = {"irfft", "irfft2", "irfftn"}
LINALG_TUPLES = {"qr", "svd", "eig", "eigh", "lu", "lu_factor", "slogdet"}

# Methods of arrays.
ARRAY_METHODS = set("""
astype flatten reshape squeeze abs square sqrt rsqrt reciprocal exp log log2 log10 sin cos log1p all any moveaxis swapaxes transpose sum
prod min max logcumsumexp logsumexp mean std var argmin argmax cumsum cumprod cummax cummin round diagonal diag conj view split
""".split())

# Layers of mlx.nn whose call gives one array; losses and activations are functions that do.
LAYERS = set("""
Linear QuantizedLinear Embedding QuantizedEmbedding Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LayerNorm RMSNorm
BatchNorm GroupNorm InstanceNorm Dropout Dropout2d Dropout3d MultiHeadAttention RoPE ALiBi SinusoidalPositionalEncoding ReLU ReLU6 GELU
SiLU Tanh Sigmoid Softmax LogSoftmax LogSigmoid LeakyReLU ELU CELU SELU Mish Softplus Softsign HardTanh Hardswish PReLU Softmin
Softshrink HardShrink Step GLU MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d Upsample Bilinear Identity Transformer
TransformerEncoder AllToShardedLinear ShardedToAllLinear
""".split())
NN_FUNCTIONS = set("""
relu relu6 gelu gelu_approx gelu_fast_approx silu softmax log_softmax log_sigmoid leaky_relu elu celu selu mish softplus softsign
hard_tanh hardswish glu sigmoid tanh step prelu softmin softshrink hard_shrink
""".split())

# What MLX 0.32 has no Metal code for, or refuses, when the array is complex64 (unary.metal, binary.metal, arg_reduce.metal,
# indexing.cpp, ops.cpp).
COMPLEX_REFUSED = {"floor", "ceil", "trunc", "expm1", "sigmoid", "erf", "erfinv", "arctan2", "remainder"}
COMPLEX_NO_KERNEL = {"arcsinh", "arccosh", "arctanh", "argmin", "argmax", "floor_divide", "divmod"}


def promoted(a: str | None, b: str | None) -> str | None:
    """Of two arrays."""
    if a is None or b is None:
        return None
    if a == b:
        return a
    if "complex64" in (a, b):
        return "complex64"
    for one, other in ((a, b), (b, a)):
        if one == "bool_":
            return other
        if one in FLOATS and other in INTEGERS:
            return one
    if a in FLOATS and b in FLOATS:
        if "float64" in (a, b):
            return "float64"
        return "float32"  # also of float16 with bfloat16
    sizes = {"8": 8, "16": 16, "32": 32, "64": 64}
    bits = lambda name: next(bits for end, bits in sizes.items() if name.endswith(end) and not (end == "8" and name[-2:] == "28"))
    unsigned = [name for name in (a, b) if name.startswith("u")]
    if len(unsigned) != 1:
        return a if bits(a) >= bits(b) else b
    signed = b if unsigned[0] == a else a
    if bits(signed) > bits(unsigned[0]):
        return signed
    return "float32" if bits(unsigned[0]) == 64 else f"int{2 * bits(unsigned[0])}"


def with_number(dtype: str | None, kind: str | None) -> str | None:
    """Of an array and a Python number, which gives way."""
    if dtype is None or kind is None:
        return None
    if kind == "complex":
        return "complex64"
    if kind == "float":
        return dtype if dtype in FLOATS or dtype == "complex64" else "float32"
    if kind == "int":
        return "int32" if dtype == "bool_" else dtype
    return dtype
