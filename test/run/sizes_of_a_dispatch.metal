// Metal Shading Language Specification, 5.2.3: counts of threads and threadgroups, at the ragged edge too
// grid: 10
// threadgroup: 4
// out y: int 4 4 4 4 4 4 4 4 2 2
// out z: int 4310 4310 4310 4310 4310 4310 4310 4310 4310 4310
#include <metal_stdlib>
using namespace metal;

kernel void sizes_of_a_dispatch(device int* y, device int* z, uint i [[thread_position_in_grid]],
                                uint threads [[threads_per_threadgroup]], uint asked [[dispatch_threads_per_threadgroup]],
                                uint groups [[threadgroups_per_grid]], uint grid [[threads_per_grid]]) {
  y[i] = threads;
  z[i] = asked * 1000 + groups * 100 + grid;
}
