// Metal Shading Language Specification, 1.4: enum classes, unions, bit-fields, operators, references
// grid: 1
// out y: int 2 1065353216 5 -2 7 12 6 9
#include <metal_stdlib>
using namespace metal;

enum class Kind : ushort { first = 1, second };

union Bits {
  float number;
  int bits;
};

struct Fields {
  uint low : 3;
  int high : 3;
};

struct Complex {
  int re, im;
  Complex operator*(Complex other) const { return {re * other.re - im * other.im, re * other.im + im * other.re}; }
  thread Complex& operator+=(int by) {
    re += by;
    return *this;
  }
};

void twice(thread int& value) { value *= 2; }

kernel void language_classes(device int* y) {
  y[0] = int(Kind::second);
  Bits bits;
  bits.number = 1.0f;
  y[1] = bits.bits;
  Fields fields;
  fields.low = 13;   // 5 in 3 bits
  fields.high = 6;   // -2 in 3 bits
  y[2] = fields.low;
  y[3] = fields.high;
  Complex c = Complex{2, 3} * Complex{4, 0};
  c += -1;
  y[4] = c.re;
  y[5] = c.im;
  int value = 3;
  twice(value);
  y[6] = value;
  auto add = [=](int by) { return value + by; };
  y[7] = add(3);
}
