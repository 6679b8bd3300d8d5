// Metal Shading Language Specification, 5.2.3: places in three dimensions; the last threadgroups are smaller
// grid: 3 2 2
// threadgroup: 2 2 1
// out y: int 0 100 1000 10 110 1010 1 101 1001 11 111 1011
// out size: int 2 2 1 2 2 1 2 2 1 2 2 1
#include <metal_stdlib>
using namespace metal;

kernel void positions_3d(device int* y, device int* size, uint3 at [[thread_position_in_grid]],
                         uint3 in [[thread_position_in_threadgroup]], uint3 group [[threadgroup_position_in_grid]],
                         uint3 grid [[threads_per_grid]], uint3 threads [[threads_per_threadgroup]]) {
  uint i = at.x + grid.x * (at.y + grid.y * at.z);
  y[i] = in.x * 100 + in.y * 10 + group.x * 1000 + group.z;
  size[i] = threads.x;
}
