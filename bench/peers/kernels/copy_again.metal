#include <metal_stdlib>
using namespace metal;

// Eight neighbours a thread.
kernel void copy(const device uint* from [[buffer(0)]], device uint* to [[buffer(1)]], constant int& count [[buffer(2)]],
                 uint index [[thread_position_in_grid]]) {
  int first = int(index) * 8;
  if (first + 8 <= count) {
    for (int j = 0; j < 8; ++j) to[first + j] = from[first + j];
  } else {
    for (int j = first; j < count; ++j) to[j] = from[j];
  }
}
