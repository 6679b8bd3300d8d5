// Metal Shading Language Specification, 4: methods in an address space, defined outside of their class
// grid: 1
// inout c: int 7 10 => 7 20
// out y: int 10 7 20 200 12 3 34
#include <metal_stdlib>
using namespace metal;

struct Cell {
  int value;
  int plus(int n) device const;
  void grow() device;
  int scaled() device;
  int scaled() threadgroup;
  template <typename T>
  T as(T one) const device;
};
template <typename T>
struct Row {
  T cells[2];
  T sum() const device;
  T sum() const thread;
};

// Called before it is defined, by its place in a struct.
kernel void methods_defined_outside(device Cell* c, device int* y) {
  threadgroup Cell shared;
  shared.value = 2;
  y[0] = c[0].plus(3);
  y[1] = c[0].as(1);
  c[1].grow();
  y[2] = c[1].value;
  y[3] = shared.scaled();
  y[4] = c[0].scaled() - 2;
  Row<int> row = {{1, 2}};
  y[5] = row.sum();
  y[6] = ((device Row<int>*)c)->sum() + c[0].value;
}

int Cell::plus(int n) device const {
  device const int* mine = &value;  // so `this` is in device memory
  return *mine + n;
}
void Cell::grow() device { value *= 2; }
int Cell::scaled() device { return value * 2; }
int Cell::scaled() threadgroup { return value * 100; }
template <typename T>
T Cell::as(T one) const device { return one * T(this->value); }
template <typename T>
T Row<T>::sum() const device { return cells[0] + cells[1]; }
template <typename T>
T Row<T>::sum() const thread { return cells[0] + cells[1]; }
