#include <metal_stdlib>
using namespace metal;

struct C {
  float re; float im;
  constexpr C(float a, float b) thread : re(a), im{b} {}
  constexpr C(float a) thread : re(a), im(0) {}
  constexpr C(float a) threadgroup : re(a), im(0) {}
  constexpr C() thread : re(0), im(0) {};
  constexpr C() threadgroup : re(0), im(0) {};
  operator float() const thread { return re; }
  operator float() const device { return re; }
  operator float() const threadgroup { return re; }
  operator float() const constant { return re; }
};
kernel void k(device C* a, constant C& b) {
  threadgroup C t[2];
  t[0] = a[0]; a[1] = C(float(b) + float(t[0]), 2);
}