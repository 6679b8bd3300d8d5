// Operators on swizzles of vectors whose type a template doesn't know yet, also where operators of the user's own can be seen (2.2).
struct Complex { float re, im; };
Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a) { return {-a.re, -a.im}; }
thread Complex& operator+=(thread Complex& a, Complex b) { a = a + b; return a; }
bool operator==(Complex a, Complex b) { return a.re == b.re && a.im == b.im; }

template <typename T>
struct Holder {
  T value;
  T twice;
  Holder(T v) : value(v), twice(v.zyx * 2) {}
  int sum() const thread { return int(value.x + value.y * 10 + value.z * 100); }
};

template <typename T, typename E>
void change(thread T& a, E one) {
  a.xz += T(one).xy;
  a.yx -= vec<E, 2>(1, 2);
  a.b *= one + one;
  a.r++;
  --a.g;
  (a.zy) <<= 1;
}

template <typename T>
int read(T a, T b) {
  T c = -a.zyx;
  c.xy = a.yx + b.xy * 2;
  c.z = (3 - a.xy).y;
  auto product = a.xy * b.zy;
  const bool same = all(a.xy == a.rg) && !any(a.xy == c.xy) && all(!(a.xyz < b.xyz) || a.rgb < b.bgr + a.xxx);
  return same ? int(c.x + c.y * 10 + c.z * 100 + product.y * 1000) : -1;
}

template <typename P>
int sizes(P a) {
  a.xx += P{1}.xx;  // a member of a struct, with an operator of its own
  a.xx = a.xx + a.xx;
  return int(a.xx.re) + (a.xx == a.xx ? 100 : 0) + int((-a.xx).im) * 1000;
}
struct Symmetric { Complex xx; };

kernel void check(device int* out [[buffer(0)]]) {
  Results r{out};
  int3 a = int3(1, 2, 3);
  change(a, 4);
  r(a.x, 4);
  r(a.y, 0);
  r(a.z, 112);
  r(read(int3(1, 2, 3), int3(4, 5, 6)), 10220);
  r(read(short3(1, 2, 3), short3(4, 5, 6)), 10220);
  Holder<int3> h(int3(1, 2, 3));
  h.value.zx += h.twice.xz;
  r(h.sum(), 3 + 20 + 900);
  r(sizes(Symmetric{{1, 2}}), 4 + 100 - 4000);
}
