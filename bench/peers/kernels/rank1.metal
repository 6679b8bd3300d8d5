#include <metal_stdlib>
using namespace metal;

kernel void rank1(device const float* Q, device const float* v, device const float* c, device const uint* shape, device float* R,
                  uint2 at [[thread_position_in_grid]]) {
  if (at.x >= shape[1] || at.y >= shape[0]) return;
  uint place = at.y * shape[1] + at.x;
  R[place] = Q[place] - v[at.y] * c[at.x];
}
