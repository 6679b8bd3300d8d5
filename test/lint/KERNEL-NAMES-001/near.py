# case: all there
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "n"], output_names=["out"], source="""
    uint i = thread_position_in_grid.x, last = n - 1;
    if (i > last) return;
    for (int j = 0, m = 4; j < m; ++j) out[i] += a[i] * M_PI_F;
""")
# case: only its shape is used
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a", "b"], output_names=["out"], source="""
    out[0] = a[0] + b_shape[0];
""")
# case: template arguments come with the call
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="""
    uint i = thread_position_in_grid.x;
    out[i] = T(a[i]) * width;
""")
x = mx.zeros((4,))
k(inputs=[x], template=[("T", mx.float32), ("width", 4)], grid=(4, 1, 1), threadgroup=(4, 1, 1), output_shapes=[(4,)], output_dtypes=[mx.float32])
# case: the header declares it
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], header="constant float cap = 30.0f;",
                         source="out[0] = cap * tanh(a[0] / cap);")
# case: structs, pointers, lambdas, swizzles
import mlx.core as mx

k = mx.fast.metal_kernel(name="k", input_names=["a"], output_names=["out"], source="""
    threadgroup float tile[8][8];
    const device float* row = a + 4;
    device auto& o = out[0];
    float4 v = float4(row[0]), w(1.0f);
    auto f = [&](float x, float y) { return x + y; };
    thread float acc[4] = {0};
    for (uint i : {0u, 1u}) acc[i] = v.x;
    vec<float, 2> p = vec<float, 2>(1);
    o = f(v.w, w.x) + tile[0][0] + acc[1] + p.y;
""")
