// Metal Shading Language Specification, 2.1: sizes and alignments of scalar types
// grid: 1
// out sizes: uint 1 1 1 2 2 4 4 8 8 2 4 2 8
#include <metal_stdlib>
using namespace metal;

kernel void scalar_types(device uint* sizes) {
  sizes[0] = sizeof(bool);
  sizes[1] = sizeof(char);
  sizes[2] = sizeof(uchar);
  sizes[3] = sizeof(short);
  sizes[4] = sizeof(ushort);
  sizes[5] = sizeof(int);
  sizes[6] = sizeof(uint);
  sizes[7] = sizeof(long);
  sizes[8] = sizeof(ulong);
  sizes[9] = sizeof(half);
  sizes[10] = sizeof(float);
  sizes[11] = sizeof(bfloat);
  sizes[12] = sizeof(size_t);
}
