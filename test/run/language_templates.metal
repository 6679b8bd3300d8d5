// Metal Shading Language Specification, 1.4: templates: variadic, specialised, with traits and if constexpr
// grid: 1
// out y: int 10 4 1 2 24 3
#include <metal_stdlib>
using namespace metal;

template <typename T> T total(T last) { return last; }
template <typename T, typename... Rest> T total(T first, Rest... rest) { return first + total<T>(rest...); }

template <typename T> struct Words { static constexpr constant int value = sizeof(T) / 4; };
template <> struct Words<half> { static constexpr constant int value = 1; };

template <typename T> int kind() {
  if constexpr (is_floating_point_v<T>) return 2;
  else return 3;
}

template <int N> constexpr int factorial() {
  if constexpr (N <= 1) return 1;
  else return N * factorial<N - 1>();
}

kernel void language_templates(device int* y) {
  y[0] = total(1, 2, 3, 4);
  y[1] = Words<float4>::value;
  y[2] = Words<half>::value;
  y[3] = kind<float>();
  y[4] = factorial<4>();
  y[5] = kind<short>();
}
