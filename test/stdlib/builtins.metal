// Reaches every row of the builtin table at least once.
#include <metal_stdlib>
using namespace metal;
kernel void all_builtins(device float* f [[buffer(0)]], device uint* u [[buffer(1)]], device long* l [[buffer(2)]],
                         uint3 thread_position_in_grid [[thread_position_in_grid]],
                         uint3 thread_position_in_threadgroup [[thread_position_in_threadgroup]],
                         uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]],
                         uint3 threads_per_grid [[threads_per_grid]],
                         uint3 threads_per_threadgroup [[threads_per_threadgroup]],
                         uint3 threadgroups_per_grid [[threadgroups_per_grid]],
                         uint3 dispatch_threads_per_threadgroup [[dispatch_threads_per_threadgroup]],
                         uint3 grid_origin [[grid_origin]],
                         uint3 grid_size [[grid_size]],
                         uint thread_index_in_threadgroup [[thread_index_in_threadgroup]],
                         uint thread_index_in_simdgroup [[thread_index_in_simdgroup]],
                         uint thread_index_in_quadgroup [[thread_index_in_quadgroup]],
                         uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]],
                         uint quadgroup_index_in_threadgroup [[quadgroup_index_in_threadgroup]],
                         uint simdgroups_per_threadgroup [[simdgroups_per_threadgroup]],
                         uint quadgroups_per_threadgroup [[quadgroups_per_threadgroup]],
                         uint dispatch_simdgroups_per_threadgroup [[dispatch_simdgroups_per_threadgroup]],
                         uint dispatch_quadgroups_per_threadgroup [[dispatch_quadgroups_per_threadgroup]],
                         uint threads_per_simdgroup [[threads_per_simdgroup]],
                         uint thread_execution_width [[thread_execution_width]],
                         texture2d<float> sampled [[texture(0)]],
                         texture2d<int> sampled_integers [[texture(1)]],
                         texture2d<float, access::read_write> texels [[texture(2)]],
                         texture2d<int, access::read_write> integers [[texture(3)]],
                         depth2d<float> depths [[texture(4)]], sampler s [[sampler(0)]]) {
  u[0] += thread_position_in_grid.x + thread_position_in_grid.y + thread_position_in_grid.z;
  u[0] += thread_position_in_threadgroup.x + thread_position_in_threadgroup.y + thread_position_in_threadgroup.z;
  u[0] += threadgroup_position_in_grid.x + threadgroup_position_in_grid.y + threadgroup_position_in_grid.z;
  u[0] += threads_per_grid.x + threads_per_grid.y + threads_per_grid.z;
  u[0] += threads_per_threadgroup.x + threads_per_threadgroup.y + threads_per_threadgroup.z;
  u[0] += threadgroups_per_grid.x + threadgroups_per_grid.y + threadgroups_per_grid.z;
  u[0] += dispatch_threads_per_threadgroup.x + dispatch_threads_per_threadgroup.y + dispatch_threads_per_threadgroup.z;
  u[0] += grid_origin.x + grid_origin.y + grid_origin.z;
  u[0] += grid_size.x + grid_size.y + grid_size.z;
  u[1] += thread_index_in_threadgroup;
  u[1] += thread_index_in_simdgroup;
  u[1] += thread_index_in_quadgroup;
  u[1] += simdgroup_index_in_threadgroup;
  u[1] += quadgroup_index_in_threadgroup;
  u[1] += simdgroups_per_threadgroup;
  u[1] += quadgroups_per_threadgroup;
  u[1] += dispatch_simdgroups_per_threadgroup;
  u[1] += dispatch_quadgroups_per_threadgroup;
  u[1] += threads_per_simdgroup;
  u[1] += thread_execution_width;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  simdgroup_barrier(mem_flags::mem_none);
  quadgroup_barrier(mem_flags::mem_device);
  atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst, thread_scope_device);
  f[0] += simd_sum(f[1]);
  f[0] += simd_product(f[1]);
  f[0] += simd_min(f[1]);
  f[0] += simd_max(f[1]);
  f[0] += simd_prefix_inclusive_sum(f[1]);
  f[0] += simd_prefix_exclusive_sum(f[1]);
  f[0] += simd_prefix_inclusive_product(f[1]);
  f[0] += simd_prefix_exclusive_product(f[1]);
  f[0] += simd_broadcast_first(f[1]);
  u[0] += simd_and(u[1]);
  u[0] += simd_or(u[1]);
  u[0] += simd_xor(u[1]);
  f[0] += simd_broadcast(f[1], ushort(u[2]));
  f[0] += simd_shuffle(f[1], ushort(u[2]));
  f[0] += simd_shuffle_up(f[1], ushort(u[2]));
  f[0] += simd_shuffle_down(f[1], ushort(u[2]));
  f[0] += simd_shuffle_xor(f[1], ushort(u[2]));
  f[0] += simd_shuffle_rotate_up(f[1], ushort(u[2]));
  f[0] += simd_shuffle_rotate_down(f[1], ushort(u[2]));
  f[0] += simd_shuffle_and_fill_up(f[1], f[2], 1, 4);
  f[0] += simd_shuffle_and_fill_down(f[1], f[2], 1, 4);
  u[2] += simd_all(u[0] > 1) + simd_any(u[1] > 2) + simd_is_first() + simd_ballot(u[3] > 1).any() + simd_active_threads_mask().all();
  simdgroup_float8x8 m(f[1]);
  simdgroup_multiply_accumulate(m, m, m, m);
  f[0] += m.thread_elements().x;
  f[0] += quad_sum(f[1]);
  f[0] += quad_product(f[1]);
  f[0] += quad_min(f[1]);
  f[0] += quad_max(f[1]);
  f[0] += quad_prefix_inclusive_sum(f[1]);
  f[0] += quad_prefix_exclusive_sum(f[1]);
  f[0] += quad_prefix_inclusive_product(f[1]);
  f[0] += quad_prefix_exclusive_product(f[1]);
  f[0] += quad_broadcast_first(f[1]);
  u[0] += quad_and(u[1]);
  u[0] += quad_or(u[1]);
  u[0] += quad_xor(u[1]);
  f[0] += quad_broadcast(f[1], ushort(u[2]));
  f[0] += quad_shuffle(f[1], ushort(u[2]));
  f[0] += quad_shuffle_up(f[1], ushort(u[2]));
  f[0] += quad_shuffle_down(f[1], ushort(u[2]));
  f[0] += quad_shuffle_xor(f[1], ushort(u[2]));
  f[0] += quad_shuffle_rotate_up(f[1], ushort(u[2]));
  f[0] += quad_shuffle_rotate_down(f[1], ushort(u[2]));
  f[0] += quad_shuffle_and_fill_up(f[1], f[2], 1, 4);
  f[0] += quad_shuffle_and_fill_down(f[1], f[2], 1, 4);
  u[2] += quad_all(u[0] > 1) + quad_any(u[1] > 2) + quad_is_first() + quad_ballot(u[3] > 1).any() + quad_active_threads_mask().all();
  f[0] += precise::exp(f[1]) + fast::exp(f[1]);
  f[0] += precise::exp2(f[1]) + fast::exp2(f[1]);
  f[0] += precise::exp10(f[1]) + fast::exp10(f[1]);
  f[0] += precise::log(f[1]) + fast::log(f[1]);
  f[0] += precise::log2(f[1]) + fast::log2(f[1]);
  f[0] += precise::log10(f[1]) + fast::log10(f[1]);
  f[0] += precise::sin(f[1]) + fast::sin(f[1]);
  f[0] += precise::cos(f[1]) + fast::cos(f[1]);
  f[0] += precise::tan(f[1]) + fast::tan(f[1]);
  f[0] += precise::asin(f[1]) + fast::asin(f[1]);
  f[0] += precise::acos(f[1]) + fast::acos(f[1]);
  f[0] += precise::atan(f[1]) + fast::atan(f[1]);
  f[0] += precise::sinh(f[1]) + fast::sinh(f[1]);
  f[0] += precise::cosh(f[1]) + fast::cosh(f[1]);
  f[0] += precise::tanh(f[1]) + fast::tanh(f[1]);
  f[0] += precise::asinh(f[1]) + fast::asinh(f[1]);
  f[0] += precise::acosh(f[1]) + fast::acosh(f[1]);
  f[0] += precise::atanh(f[1]) + fast::atanh(f[1]);
  f[0] += precise::sinpi(f[1]) + fast::sinpi(f[1]);
  f[0] += precise::cospi(f[1]) + fast::cospi(f[1]);
  f[0] += precise::tanpi(f[1]) + fast::tanpi(f[1]);
  f[0] += precise::rsqrt(f[1]) + fast::rsqrt(f[1]);
  f[0] += precise::atan2(f[1], f[2]) + fast::atan2(f[1], f[2]);
  f[0] += precise::pow(f[1], f[2]) + fast::pow(f[1], f[2]);
  f[0] += precise::powr(f[1], f[2]) + fast::powr(f[1], f[2]);
  int e;
  f[0] += fmod(f[1], f[2]) + ldexp(f[1], 2) + frexp(f[2], e) + ilogb(f[3]) + nextafter(f[1], f[2]) + e;
  l[0] = mulhi(l[1], l[2]);
  printf("%f", f[0]);
  const float2 at = float2(f[1], f[2]);
  texels.write(texels.read(uint2(1)) + sampled.sample(s, at) + sampled.gather(s, at), uint2(texels.get_width()));
  integers.write(integers.read(uint2(1)) + sampled_integers.sample(s, at) + sampled_integers.gather(s, at), uint2(0));
  f[0] += depths.sample_compare(s, at, 0.5f) + depths.gather_compare(s, at, 0.5f).x;
}
