
        template <typename T> T cube(T x) { return x * x * x; }
        constant float two = 2.0f;
        struct Scale { float by; float operator()(float x) const { return x * by; } };
        float twice(float x) { return Scale{two}(x); }
    [[kernel]] void custom_kernel_helper_float_float(
  const device float* inp [[buffer(0)]],
  device float* out [[buffer(1)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]]) {
uint i = thread_position_in_grid.x; out[i] = twice(cube(inp[i]));
}
