// Two simdgroups and a half: 80 threads. What each slot holds is computed again by the host in groups_test.cc.
kernel void groups(device const float* x [[buffer(0)]], device float* out [[buffer(1)]], device ulong* votes [[buffer(2)]],
                   uint i [[thread_position_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                   uint quad_lane [[thread_index_in_quadgroup]]) {
  device float* o = out + 32 * i;
  const float v = x[i];
  const char c = char(lane) - 10;
  o[0] = simd_sum(v);
  o[1] = simd_max(v);
  o[2] = simd_min(int(v));
  o[3] = simd_prefix_inclusive_sum(v);
  o[4] = simd_prefix_exclusive_sum(uint(lane));
  o[5] = simd_shuffle(v, 3);
  o[6] = simd_broadcast(v, ushort(5));
  o[7] = simd_shuffle_xor(v, 1);
  o[8] = simd_broadcast_first(v);
  o[9] = simd_sum(c);
  o[10] = simd_min(c);
  o[11] = simd_sum(half2(half(1), half(lane))).y;
  o[12] = simd_shuffle(vec<uchar, 3>(uchar(lane), 7, uchar(100 + lane)), 2).z;
  o[13] = simd_shuffle(lane == 4, 4);
  o[14] = simd_and(0xf0u | lane) + simd_or(ushort(lane)) * 1000 + simd_xor(1);
  o[15] = float(simd_sum(bfloat(1)));
  o[16] = quad_sum(v);
  o[17] = quad_broadcast(v, 2);
  o[18] = quad_shuffle_up(v, 1);
  o[19] = quad_shuffle_down(float2(v, -v), 1).y;
  o[20] = quad_max(int(quad_lane));
  o[21] = simd_product(lane == 3 ? 2.0f : 1.0f);
  o[22] = simd_all(v >= 0) + 2 * simd_any(lane == 1) + 4 * simd_is_first();
  o[23] = simd_shuffle_down(as_type<uint2>(ulong(lane) << 32), 1).y;
  if (lane < 16) {
    o[24] = simd_shuffle_and_fill_up(v, -1.0f, 2, 8);
    o[25] = simd_shuffle_and_fill_down(int(v), -int(lane), 3, 8);
  }
  if (i < 64) {
    o[26] = simd_shuffle_up(v, 1);
    o[27] = simd_shuffle_rotate_down(v, 1);
    o[28] = simd_shuffle_rotate_up(v, 1);
    o[29] = simd_shuffle_and_fill_up(v, v + 1000, 4);
  }
  if (lane & 1) o[30] = simd_sum(1);
  votes[2 * i] = (simd_vote::vote_t)simd_ballot(v > 10);
  votes[2 * i + 1] = (ulong)simd_active_threads_mask() + (ulong(ushort(quad_ballot(quad_lane == 1))) << 40);
}
