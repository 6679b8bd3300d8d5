_DEPTHWISE_SOURCE = r"""
    uint B = params[0];
    uint C = params[1];
    uint L = params[2];

    uint tid = thread_position_in_grid.x;
    uint total = B * C * L;
    if (tid >= total) return;

    uint b = tid / (C * L);
    uint rem = tid % (C * L);
    uint c = rem / L;
    uint t = rem % L;

    // Zero-pad access
    float v0 = (t >= 1) ? x[b * C * L + c * L + (t - 1)] : 0.0f;
    float v1 = x[b * C * L + c * L + t];
    float v2 = (t + 1 < L) ? x[b * C * L + c * L + (t + 1)] : 0.0f;

    float k0 = k[c * 3 + 0];
    float k1 = k[c * 3 + 1];
    float k2 = k[c * 3 + 2];

    // Fixed order for determinism
    float acc = v0 * k0;
    acc = fma(v1, k1, acc);
    acc = fma(v2, k2, acc);

    y[tid] = acc;
"""

def depthwise_conv_3tap(x, kernel):
    global _DEPTHWISE_KERNEL

    batch, channels, length = x.shape

    # Ensure float32
    x = x.astype(mx.float32)
    kernel = kernel.astype(mx.float32)

    if _DEPTHWISE_KERNEL is None:
        _DEPTHWISE_KERNEL = mx.fast.metal_kernel(
            name="depthwise3",
            input_names=["params", "x", "k"],
            output_names=["y"],
            header=_HEADER,
            source=_DEPTHWISE_SOURCE
        )

    # Params buffer
    params = mx.array([batch, channels, length], dtype=mx.uint32)

    # Grid calculation with MLX scalars
    batch_mx = mx.array(batch, dtype=mx.uint32)
    channels_mx = mx.array(channels, dtype=mx.uint32)
    length_mx = mx.array(length, dtype=mx.uint32)
    total_threads = mx.multiply(mx.multiply(batch_mx, channels_mx), length_mx)
    tpg = mx.array(256, dtype=mx.uint32)
    one = mx.array(1, dtype=mx.uint32)
    num_groups = mx.divide(mx.add(total_threads, mx.subtract(tpg, one)), tpg)
    grid = (num_groups, one, one)
    threadgroup = (tpg, one, one)

    (y,) = _DEPTHWISE_KERNEL(
        inputs=[params, x, kernel],
        output_shapes=[(batch, channels, length)],
        output_dtypes=[mx.float32],
        grid=grid,
        threadgroup=threadgroup
    )

    return y
