//! --input x:float16[64,1000] --input weight:float16[1000] --output y:float16[64,1000] --threadgroup 128 --grid 8192
constexpr uint simdgroups = 4;
threadgroup float partial[simdgroups];
uint row = threadgroup_position_in_grid.x;
uint thread_index = thread_position_in_threadgroup.x;
uint width = x_shape[1];
const device half* from = x + row * width;
device half* to = y + row * width;
float sum = 0;
for (uint i = thread_index; i < width; i += 128) {
  sum += float(from[i]) * float(from[i]);
}
sum = simd_sum(sum);
if (thread_index_in_simdgroup == 0) {
  partial[simdgroup_index_in_threadgroup] = sum;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
float total = 0;
for (uint i = 0; i < simdgroups; ++i) {
  total += partial[i];
}
float scale = metal::precise::rsqrt(total / width + 1e-5f);
for (uint i = thread_index; i < width; i += 128) {
  to[i] = half(float(from[i]) * scale * float(weight[i]));
}
