// Attributes that change nothing in a compute kernel must not stop it.
struct [[user(a)]] Input { float4 position [[user(locn0)]]; float2 uv [[user(locn1)]]; };
struct Arguments { int a [[id(0)]]; float b [[id(1)]]; };
[[user(note)]] int noted(int x) { return x; }
[[gnu::always_inline]] [[clang::noinline]] int both(int x);
int both(int x) { return x; }
[[kernel]] [[max_total_threads_per_threadgroup(64)]]
void check(device int* out [[buffer(0), user(out)]], const device int* in [[buffer(1)]],
           uint id [[thread_position_in_grid]], ushort lane [[thread_index_in_simdgroup]],
           uint2 in_group [[thread_position_in_threadgroup]], uint3 group [[threadgroup_position_in_grid]],
           uint size [[threads_per_threadgroup]], ushort2 grid [[threads_per_grid]], uint simd [[simdgroup_index_in_threadgroup]],
           uint width [[threads_per_simdgroup]]) {
  Results r{out};
  Input input; input.uv = 3;
  r(input.uv.y, 3);
  r(noted(1) + both(2), 3);
  r(id + lane + in_group.x + group.z + simd, 0);
  r(size + grid.x, 2);
  r(width, 32);
}
