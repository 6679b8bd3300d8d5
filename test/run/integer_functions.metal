// Metal Shading Language Specification, 6.3: integer functions
// grid: 1
// out y: int 7 2147483647 -2147483648 29 3 5 -1 5 6 1 252 -5 171 0x40000000 8
#include <metal_stdlib>
using namespace metal;

kernel void integer_functions(device int* y) {
  y[0] = int(absdiff(-3, 4));
  y[1] = addsat(2147483647, 1);
  y[2] = subsat(-2147483647, 5);
  y[3] = clz(5);
  y[4] = ctz(8);
  y[5] = popcount(0x1f);
  y[6] = mulhi(-1, 1);
  y[7] = hadd(4, 7);
  y[8] = rhadd(4, 7);
  y[9] = int(mulhi(0x80000000u, 2u));
  y[10] = int(extract_bits(0xfcu, 0u, 8u));
  y[11] = extract_bits(0xb0, 4u, 4u);
  y[12] = insert_bits(0xab, 0, 8u, 4u);
  y[13] = int(reverse_bits(2u));
  y[14] = int(rotate(0x80000000u, 4u));
}
