// Metal Shading Language Specification, 4: address spaces are part of the type: functions are chosen by them
// grid: 1
// in x: int 5
// out y: int 1 2 3 4 5
#include <metal_stdlib>
using namespace metal;

constant int fixed_value = 5;
int space(const device int*) { return 1; }
int space(constant int*) { return 2; }
int space(threadgroup int*) { return 3; }
int space(thread int*) { return 4; }

struct Counter {
  int count;
  int get() const device { return count; }
  int get() const thread { return count + 100; }
};

kernel void address_spaces(const device int* x, device int* y) {
  threadgroup int shared;
  int own = 0;
  y[0] = space(x);
  y[1] = space(&fixed_value);
  y[2] = space(&shared);
  y[3] = space(&own);
  y[4] = ((const device Counter*)x)->get();
}
