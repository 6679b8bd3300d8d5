import mlx.core as mx

header = """#include <metal_stdlib>\nusing namespace metal;\n"""
body = r"""
    uint gid = thread_position_in_grid.x;
    uint m = (uint)shape[0];
    uint k = (uint)shape[1];
    if (gid >= k) return;
    float acc = 0.0f;
    for (uint i = 0; i < m; ++i) {
        acc += Q[i * k + gid] * v[i];
    }
    out[gid] = acc;
"""

kernel = mx.fast.metal_kernel(
    name="qr_col_dot",
    input_names=["Q", "v", "shape"],
    output_names=["out"],
    header=header,
    source=body,
    ensure_row_contiguous=True,
)

def project_coeffs(Q, v):
    m, k = int(Q.shape[0]), int(Q.shape[1])
    shape = mx.array([m, k], dtype=mx.uint32)
    tgroup = 64
    total = k
    nthreads = ((total + tgroup - 1) // tgroup) * tgroup
    grid = (nthreads, 1, 1)
    tg = (tgroup, 1, 1)
    (out,) = kernel(
        inputs=[Q, v, shape],
        output_shapes=[(k,)],
        output_dtypes=[Q.dtype],
        grid=grid,
        threadgroup=tg,
    )
    return out
