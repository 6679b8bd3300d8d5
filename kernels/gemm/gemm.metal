// gemm: C = op(A) op(B), or C = D - op(A) op(B), in tiles that lie in threadgroup memory.
//
// A threadgroup of TX x TY threads makes a tile of BM x BN elements, RM x RN a thread: columns that are TX apart, so that neighbours load
// neighbours; rows side by side. With RM = RN = 1 this is the guides' tiled product. Tiles are TK deep. With NB = 2 there are two of each: the next
// ones are loaded while others still compute with these, and one barrier a turn is enough. Sums are float, whatever T is.
//
// shape: m, n, k; row lengths of A, B, D; where A, B, D begin; how far the matrices of a batch are apart (0: one for all). TA, TB: A is stored as
// k x m, B as n x k. SUBTRACT: 1, D is taken; 2, the identity of shape[12] rows with D behind it on the diagonal. UPPER: tiles wholly below the diagonal aren't made.
//
// inputs: A, B, D, shape
// outputs: C
// instances: T=float32,TX=16,TY=16,RM=1,RN=1,TK=16,NB=2,TA=0,TB=0,SUBTRACT=0,UPPER=0 | T=float16,TX=32,TY=16,RM=4,RN=2,TK=64,NB=1,TA=1,TB=0,SUBTRACT=0,UPPER=0 | T=bfloat16,TX=8,TY=32,RM=1,RN=1,TK=32,NB=2,TA=0,TB=1,SUBTRACT=0,UPPER=0 | T=float32,TX=32,TY=16,RM=4,RN=2,TK=64,NB=1,TA=1,TB=0,SUBTRACT=1,UPPER=1 | T=float32,TX=32,TY=16,RM=4,RN=2,TK=32,NB=1,TA=1,TB=0,SUBTRACT=2,UPPER=0
#include <metal_stdlib>
using namespace metal;
//// body
constexpr uint BM = TY * RM, BN = TX * RN, THREADS = TX * TY;
threadgroup float tiles_a[NB][BM * TK];
threadgroup float tiles_b[NB][TK * BN];
const uint m = shape[0], n = shape[1], k = shape[2];
const uint row_of_a = shape[3], row_of_b = shape[4], row_of_d = shape[5];
const uint matrix = threadgroup_position_in_grid.z;
// (Of fewer than 8 elements they are in constant memory, as MLX calls kernels.)
auto a = A + shape[6] + ulong(matrix) * shape[9];
auto b = B + shape[7] + ulong(matrix) * shape[10];
auto d = D + shape[8] + ulong(matrix) * shape[11];
device T* c = C + ulong(matrix) * m * n;
const uint tx = thread_position_in_threadgroup.x, ty = thread_position_in_threadgroup.y;
const uint mine = ty * TX + tx;
const uint row0 = threadgroup_position_in_grid.y * BM, column0 = threadgroup_position_in_grid.x * BN;
if (UPPER && row0 >= column0 + BN) return;
const bool is_inside = row0 + BM <= m && column0 + BN <= n;
float sums[RM][RN];
for (uint i = 0; i < RM; ++i)
  for (uint j = 0; j < RN; ++j) sums[i][j] = 0.0f;
for (uint start = 0, turn = 0; start < k; start += TK, ++turn) {
  threadgroup float* tile_a = tiles_a[NB == 2 ? (turn & 1) : 0];
  threadgroup float* tile_b = tiles_b[NB == 2 ? (turn & 1) : 0];
  if (is_inside && start + TK <= k) {  // no element needs a question
    for (uint turn_a = 0; turn_a < (BM * TK + THREADS - 1) / THREADS; ++turn_a) {
      const uint at = turn_a * THREADS + mine;
      if ((BM * TK) % THREADS != 0 && at >= BM * TK) break;
      if (TA)
        tile_a[at] = float(a[(start + at / BM) * row_of_a + row0 + at % BM]);
      else
        tile_a[at] = float(a[(row0 + at / TK) * row_of_a + start + at % TK]);
    }
    for (uint turn_b = 0; turn_b < (TK * BN + THREADS - 1) / THREADS; ++turn_b) {
      const uint at = turn_b * THREADS + mine;
      if ((TK * BN) % THREADS != 0 && at >= TK * BN) break;
      if (TB)
        tile_b[(at % TK) * BN + at / TK] = float(b[(column0 + at / TK) * row_of_b + start + at % TK]);
      else
        tile_b[at] = float(b[(start + at / BN) * row_of_b + column0 + at % BN]);
    }
  } else {
    for (uint at = mine; at < BM * TK; at += THREADS) {
      const uint row = row0 + (TA ? at % BM : at / TK), depth = start + (TA ? at / BM : at % TK);
      tile_a[at] = row < m && depth < k ? float(a[TA ? depth * row_of_a + row : row * row_of_a + depth]) : 0.0f;
    }
    for (uint at = mine; at < TK * BN; at += THREADS) {
      const uint column = column0 + (TB ? at / TK : at % BN), depth = start + (TB ? at % TK : at / BN);
      const float value = column < n && depth < k ? float(b[TB ? column * row_of_b + depth : depth * row_of_b + column]) : 0.0f;
      tile_b[TB ? (at % TK) * BN + at / TK : at] = value;
    }
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint p = 0; p < TK; ++p) {
    float left[RM], right[RN];
    for (uint i = 0; i < RM; ++i) left[i] = tile_a[TA ? p * BM + ty * RM + i : (ty * RM + i) * TK + p];
    for (uint j = 0; j < RN; ++j) right[j] = tile_b[p * BN + tx + j * TX];
    for (uint i = 0; i < RM; ++i)
      for (uint j = 0; j < RN; ++j) sums[i][j] = fma(left[i], right[j], sums[i][j]);
  }
  if (NB == 1) threadgroup_barrier(mem_flags::mem_threadgroup);
}
for (uint i = 0; i < RM; ++i) {
  const uint row = row0 + ty * RM + i;
  for (uint j = 0; j < RN; ++j) {
    const uint column = column0 + tx + j * TX;
    if (row < m && column < n) {
      float before = 0.0f;
      if (SUBTRACT == 1) before = float(d[row * row_of_d + column]);
      if (SUBTRACT == 2) {
        if (row < shape[12] || column < shape[12])
          before = row == column ? 1.0f : 0.0f;
        else
          before = float(d[(row - shape[12]) * row_of_d + column - shape[12]]);
      }
      c[row * n + column] = T(SUBTRACT ? before - sums[i][j] : sums[i][j]);
    }
  }
}
