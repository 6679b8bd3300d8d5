// Metal Shading Language Specification, 2.1: uint and ulong have 32 and 64 bits and wrap around. A product of 256 bits, loops in loops, that is called from many places
// grid: 4
// threadgroup: 4
// in x: uint 2617980014 2558178303 3863258524 738883771 1058902136 1983395763 111350149 497069847 789771595 3310634292 3140410939 3820475020 3591004369 2777006897 1021496535 2588247415
// in b: uint 384312126 1247361280 1699711283 884072804 8043915 1244451976 2934862795 2634063061
// out y: uint 1357387232 3111891810 3089613377 2440568847 3605870830 2776592372 3167872250 1057875242 3426667288 2065647535 2818498675 1646737067 824193687 3379476573 555221783 1974139412 3860086272 3525440903 2174065132 1733415372 3363749465 164723062 3016346401 4055375951 3322447008 4271943836 2361074746 3979006903 2531173643 3615843488 3816094953 2725086360
#include <metal_stdlib>
using namespace metal;

struct Number {
  uint v[8];
};

Number read(device const uint* from) {
  Number r;
  for (int i = 0; i < 8; ++i) r.v[i] = from[i];
  return r;
}

Number sum(Number a, Number b) {
  Number r;
  ulong carry = 0;
  for (int i = 0; i < 8; ++i) {
    carry += ulong(a.v[i]) + ulong(b.v[i]);
    r.v[i] = uint(carry);
    carry >>= 32;
  }
  return r;
}

Number product(Number a, Number b) {
  Number r;
  for (int i = 0; i < 8; ++i) r.v[i] = 0;
  for (int i = 0; i < 8; ++i) {
    ulong carry = 0;
    for (int j = 0; j < 8 - i; ++j) {
      carry += ulong(a.v[i]) * ulong(b.v[j]) + ulong(r.v[i + j]);
      r.v[i + j] = uint(carry);
      carry >>= 32;
    }
  }
  return r;
}

kernel void products_of_long_numbers(device const uint* x, device const uint* b, device uint* y,
                                     uint i [[thread_position_in_grid]]) {
  const Number a = read(x + 8 * (i % 2)), c = read(b);
  Number r = a;
  const Number p = product(a, c), q = product(p, a), s = product(q, p);
  Number u = product(s, q);
  for (uint k = 0; k <= i; ++k) {
    u = sum(product(u, s), product(q, r));
    r = product(r, p);
    if (r.v[0] & 1) u = sum(product(u, r), a);
  }
  u = product(u, sum(u, c));
  for (int k = 0; k < 8; ++k) y[8 * i + k] = u.v[k];
}
