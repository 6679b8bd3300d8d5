// Metal Shading Language Specification, 2.2, 2.14.2 and 5.2: forms that compilers from other shading languages to Metal write
// grid: 1
// inout w: float 1 2 3 4 => 5 6 7 8
// out y: int 10 1 -1 2147483647 3 6 1 5
#include <metal_stdlib>
#include <simd/simd.h>
using namespace metal;

// The number of components in any integer type.
template <typename T, uint N>
T total(vec<T, N> v) {
  T sum = 0;
  for (uint i = 0; i < N; ++i) sum += v[i];
  return sum;
}
template <typename T, size_t N>
void spread(thread vec<T, N>& to, T from) { to = vec<T, N>(from); }

// A function of one's own for integers, by the name of one of the library's for floats.
template <typename T, typename E = typename enable_if<is_integral<T>::value>::type>
T sign(T x) {
  return select(select(T(1), T(0), x == T(0)), T(-1), x < T(0));
}

struct Storage {
  float values[3];
  thread Storage& operator=(initializer_list<float> list) thread {
    for (size_t i = 0; i < list.size(); ++i) values[i] = list.begin()[i];
    return *this;
  }
};
struct Table {
  device int* columns [[id(0)]][3] /* sizes behind the attribute */;
  int count [[id(3)]];
};

[[kernel, unknown_to_compilers(3)]]
void written_by_other_compilers(volatile device float4& w [[buffer(0)]], coherent device int* y [[buffer(1)]]) {
  float4 before = w;
  w = float4(4);
  w += before;
  y[0] = total(int4(1, 2, 3, 4));
  y[1] = sign(int2(3, 0)).x;
  y[2] = sign(-7);
  y[3] = numeric_limits<int3>::max().y;
  int3 all;
  spread(all, 1);
  y[4] = total(all);
  Storage s;
  s = {1, 2, 3};
  y[5] = int(s.values[0] + s.values[1] + s.values[2]);
  y[6] = is_integral<uint4>::value && !is_integral<float4>::value && !is_arithmetic<uint4>::value;
  y[7] = int(sign(2.5f)) + sizeof(Table) / 8;
}
