// What the compensated sums share; never called by itself.
//
// inputs: x
// outputs: y
#include <metal_stdlib>
using namespace metal;
// Sums and products whose rounding errors are kept. Nothing here may be contracted or reordered: the pragma holds for the
// first, math_mode "safe" for the second.
struct Limbs {
  float high;
  float low;
};

// a + b = high + low, exactly (Knuth, The Art of Computer Programming, vol. 2, 4.2.2, theorem B).
inline Limbs two_sum(float a, float b) {
#pragma METAL fp contract(off)
  const float sum = a + b;
  const float part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

// The same if |a| >= |b| or a = 0 (Dekker 1971).
inline Limbs quick_two_sum(float a, float b) {
#pragma METAL fp contract(off)
  const float sum = a + b;
  return {sum, b - (sum - a)};
}

// a b = high + low, exactly but for underflow.
inline Limbs two_product(float a, float b) {
#pragma METAL fp contract(off)
  const float product = a * b;
  return {product, fma(a, b, -product)};
}

// One more term, high + low, for a running sum. METHOD 0: Kahan, the low limb is what is still to be added.
// 1: Neumaier, the low limb collects the errors. 2: double-float, the limbs are brought into order at each step.
template <int METHOD>
inline Limbs add(Limbs sum, float high, float low) {
#pragma METAL fp contract(off)
  if (METHOD == 0) {
    const float term = high + (sum.low + low);
    const float next = sum.high + term;
    return {next, term - (next - sum.high)};
  }
  const Limbs both = two_sum(sum.high, high);
  const float error = both.low + low;
  if (METHOD == 1) return {both.high, sum.low + error};
  return quick_two_sum(both.high, sum.low + error);
}

// The sum over a simdgroup, in every lane. In a fixed order, so that results repeat.
inline Limbs sum_over_simdgroup(Limbs own) {
  for (ushort distance = 16; distance > 0; distance >>= 1) {
    const float high = simd_shuffle_xor(own.high, distance);
    const float low = simd_shuffle_xor(own.low, distance);
    const Limbs both = two_sum(own.high, high);
    own = quick_two_sum(both.high, both.low + (own.low + low));
  }
  return own;
}
//// body
y[0] = two_sum(x[0], x[1]).low;
