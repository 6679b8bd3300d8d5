// Metal Shading Language Specification, 5.2: buffers by their index, in any order
// grid: 2
// in a: int 1 2
// in b: int 10 20
// out c: int 9 18
#include <metal_stdlib>
using namespace metal;

kernel void buffer_indices(device int* c [[buffer(7)]], const device int* b [[buffer(0)]], const device int* a [[buffer(3)]],
                           uint i [[thread_position_in_grid]]) {
  c[i] = b[i] - a[i];
}
