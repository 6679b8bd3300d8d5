// Metal Shading Language Specification, 2.10 with C++'s bit-fields: members of odd sizes don't reach into their neighbours, in threadgroup and device memory
// grid: 40
// threadgroup: 20
// in x: int 70000 -3
// out y: int 22 13 70000 -3 8 4 0 -5
#include <metal_stdlib>
using namespace metal;

struct Packed {
  half first;
  int wide : 19;
  bool flag;
  int small : 7;
};
struct Long {
  ulong low : 40;
  long high : 5;
};

kernel void bit_fields_in_arrays(device const int* x, device int* y, uint i [[thread_index_in_threadgroup]],
                                 uint group [[threadgroup_position_in_grid]]) {
  threadgroup Packed packed[20];
  threadgroup Long longs[20];
  packed[i] = Packed{half(i), x[i & 1], i == 7, int(i) - 9};
  longs[i] = Long{ulong(i) << 33, -5};
  threadgroup_barrier(mem_flags::mem_threadgroup);
  const Packed other = packed[19 - i];
  const Long far = longs[19 - i];
  if (group == 1 && i == 6) {
    y[0] = int(other.first) + 9;
    y[1] = other.small + 9;
    y[2] = packed[4].wide;
    y[3] = packed[5].wide;
  }
  if (group == 1 && i == 15) {
    y[4] = int(far.low >> 32);
    y[5] = int(other.first);
    y[6] = packed[6].flag + packed[8].flag;
    y[7] = int(far.high);
  }
}
