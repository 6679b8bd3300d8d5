// The porting guide's third kernel: one step of the mLSTM with its states in place.
//   m' = max(log f + m, log i)      i' = exp(log i - m')      f' = exp(log f + m - m')
//   C' = f' C + i' v k^T            n' = f' n + i' k
//   h  = o * (C' q) / max(|n'^T q|, exp(-m'))
// One threadgroup for each head, one thread for each row of C; gates come before their activation.
#include <metal_stdlib>
using namespace metal;

/// log(sigmoid(x)) without overflow.
inline float log_sigmoid(float x) {
  return min(x, 0.0f) - log(1.0f + exp(-abs(x)));
}

// One step for all heads: reads q, k, v and the gates, updates C, N and M, writes H.
kernel void mlstm_step_full_kernel(device const float* q [[buffer(0)]],
                                   device const float* k [[buffer(1)]],
                                   device const float* v [[buffer(2)]],
                                   device const float* i_gate [[buffer(3)]],
                                   device const float* f_gate [[buffer(4)]],
                                   device const float* o_gate [[buffer(5)]],
                                   device float* C [[buffer(6)]],
                                   device float* N [[buffer(7)]],
                                   device float* M [[buffer(8)]],
                                   device float* H [[buffer(9)]],
                                   constant uint& heads [[buffer(10)]],
                                   constant uint& head_dim [[buffer(11)]],
                                   threadgroup float* products [[threadgroup(0)]],
                                   uint head [[threadgroup_position_in_grid]],
                                   uint row [[thread_position_in_threadgroup]],
                                   uint threads [[threads_per_threadgroup]]) {
  if (head >= heads) return;
  const uint at = head * head_dim;

  // The stabiliser is the same for all rows; all have read it before one writes it.
  const float log_f = log_sigmoid(f_gate[head]);
  const float before = M[head];
  const float m = max(log_f + before, i_gate[head]);
  const float i_scaled = exp(i_gate[head] - m);
  const float f_scaled = exp(log_f + before - m);
  threadgroup_barrier(mem_flags::mem_device);
  if (row == 0) M[head] = m;

  float product = 0.0f;
  for (uint j = row; j < head_dim; j += threads) {
    const float n = f_scaled * N[at + j] + i_scaled * k[at + j] * rsqrt(float(head_dim));
    N[at + j] = n;
    product += n * q[at + j];
  }
  products[row] = product;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float normaliser = 0.0f;
  for (uint t = 0; t < threads; ++t) normaliser += products[t];
  normaliser = max(abs(normaliser), exp(-m));

  for (uint r = row; r < head_dim; r += threads) {
    device float* c = C + (at + r) * head_dim;  // one row
    float sum = 0.0f;
    for (uint j = 0; j < head_dim; ++j) {
      c[j] = f_scaled * c[j] + i_scaled * v[at + r] * k[at + j] * rsqrt(float(head_dim));
      sum += c[j] * q[at + j];
    }
    H[at + r] = sum / normaliser / (1.0f + exp(-o_gate[at + r]));
  }
}
