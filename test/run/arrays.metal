// Metal Shading Language Specification, 2.6: metal::array
// grid: 1
// out y: int 4 7 11 22 5 99
#include <metal_stdlib>
using namespace metal;

constant array<int, 4> table = {7, 8, 9, 11};

int total(array<int, 3> values) {
  int sum = 0;
  for (int value : values) sum += value;
  return sum;
}

kernel void arrays(device int* y) {
  y[0] = table.size();
  y[1] = table[0];
  y[2] = table[3];
  array<int, 3> mine = {5, 7, 10};
  y[3] = total(mine);
  array<int, 3> copy = mine;
  mine[0] = 99;
  y[4] = copy[0];
  y[5] = mine[0];
}
