// Metal Shading Language Specification, 5.2: a struct in a constant buffer, with Metal's alignment
// grid: 1
// in p: uint 7 0 0 0 0x3f800000 0x40000000 0x40400000 0 9
// out y: float 7 1 2 3 9 48
#include <metal_stdlib>
using namespace metal;

struct Parameters {
  int count;
  float3 direction;  // at 16
  int last;          // at 32
};

kernel void structs_of_parameters(const device uint* p, device float* y) {
  const device Parameters& parameters = *(const device Parameters*)p;
  y[0] = parameters.count;
  y[1] = parameters.direction.x, y[2] = parameters.direction.y, y[3] = parameters.direction.z;
  y[4] = parameters.last;
  y[5] = sizeof(Parameters);
}
