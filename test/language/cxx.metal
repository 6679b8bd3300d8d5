// The rest of C++14 (and what Metal takes of C++17): control flow, initialisation, operators, using, structured bindings.
#include <metal_array>
struct Complex {
  float re = 0, im = 0;
  constexpr Complex() thread = default;
  constexpr Complex(float r, float i = 0) thread : re(r), im(i) {}
  friend Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  thread Complex& operator*=(float k) thread { re *= k; im *= k; return *this; }
  bool operator==(thread const Complex& o) const thread { return re == o.re && im == o.im; }
  float operator[](int i) const thread { return i ? im : re; }
  float operator()(float x) const thread { return re + im * x; }
  explicit operator bool() const thread { return re != 0 || im != 0; }
  Complex operator-() const thread { return Complex(-re, -im); }
  thread Complex& operator++() thread { re += 1; return *this; }
  Complex operator++(int) thread { Complex old = *this; re += 1; return old; }
  device Complex& operator=(thread const Complex& o) device { re = o.re + 100; im = o.im; return *this; }
  thread Complex& operator=(thread const Complex& o) thread = default;
};
inline Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
namespace outer { inline namespace v1 { int value() { return 1; } } namespace inner { int value() { return 2; } } }
namespace alias = outer::inner;
namespace outer::nested { int value() { return 3; } }
using outer::nested::value;
using Int = int;
typedef device Int* IntPointer;
int overloaded(int) { return 1; }
int overloaded(float) { return 2; }
int overloaded(uint) { return 3; }
int overloaded(half) { return 4; }
int overloaded(float2) { return 5; }
int defaults(int a, int b = 2, int c = 3) { return a * 100 + b * 10 + c; }
auto deduced(int x) { return x * 2.5f; }
auto trailing(int x) -> uint { return uint(x); }
decltype(auto) same(thread int& x) { return (x); }
static_assert(sizeof(Complex) == 8, "size");
static_assert(sizeof(Complex) == 8);
extern "C" int c_function(int x) { return x; }
struct Triple { int a; float b; half c; };
int sum_of(Triple t) { return t.a + int(t.b) + int(t.c); }

kernel void check(device int* out, const device int* in, device Complex* z) {
  Results r{out};
  Complex a(1, 2), b = 3;
  Complex c = a * b + Complex{1, 1};
  r(c.re * 10 + c.im, 47);
  c *= 2;
  r(c[1] + c(1), 36);
  r((c == c) + bool(c) + !c, 2);
  r((-c).re + (++c).re + (c++).re, 10);
  r(c.re, 10);
  z[0] = a;
  r(z[0].re, 101);
  r(outer::value() + alias::value() * 10 + value() * 100, 321);
  IntPointer p = out + 200;
  *p = 1;
  r(overloaded(1) * 1000 + overloaded(1.0) * 100 + overloaded(1u) * 10 + overloaded(1.0h), 1234);
  r(overloaded(float2(1)), 5);
  r(defaults(1) + defaults(1, 1), 236);
  r(deduced(2) + trailing(3), 8);
  int x = 1;
  same(x) = 5;
  r(x, 5);
  r(c_function(4), 4);
  r(sum_of({1, 2.5, 3}), 6);
  metal::array<int, 4> values = {1, 2, 3, 4};
  int total = 0;
  for (int v : values) total += v;
  for (thread auto& v : values) v *= 2;
  for (auto v : values) total += v;
  int plain[3] = {1, 2, 3};
  for (auto v : plain) total += v;
  r(total, 36);
  auto [first, second, third] = Triple{1, 2.0f, 3.0h};
  r(first + second + third, 6);
  auto [i, j] = values.size() > 3 ? Complex(5, 6) : Complex(7, 8);
  r(i * 10 + j, 56);
  if (int k = in[0]; k > 10) r(k, 12); else r(0, 1);
  switch (const int k = in[0] / 4) { case 3: r(k, 3); break; default: r(0, 1); }
  int w = 0;
  while (true) { if (++w > 5) break; if (w == 2) continue; }
  do { --w; } while (w > 3);
  r(w, 3);
  for (int m = 0, n = 10; m < n; ++m, --n) w += (m & 1) ? n : -n;
  r(w, -5);
  r(sizeof(int[3]) + alignof(float4), 28);
  Int zero{}, also = Int();
  r(zero + also, 0);
  int grid[2][3] = {{1, 2, 3}, {4}};
  r(grid[1][0] + grid[1][2], 4);
  r(static_cast<int>(2.9f) + (int)2.9f + int(2.9f) + int{2}, 8);
  const int cv = 3; const thread int* cp = &cv;
  r(*const_cast<thread int*>(cp), 3);
  r(-7 / 2 * 10 + -7 % 2, -31);
  r((-8 >> 1) + (1 << 4) + (0xf ^ 0x3), 24);
  r(true ? in[0] ? 3 : 4 : 5, 3);
  bool flag = in[0] == 12 and not (in[0] != 12 or false);
  r(flag xor false, 1);
  r(R"(raw)"[1], 'a');
  static_assert(noexcept(1 + 1), "noexcept");
  r(nullptr == (device int*)0, 1);
}
