// half and bfloat: literals, arithmetic, casts, also where the type is a template's.
template <typename T, typename U> T convert(U x) { return T(x); }
template <typename T, typename U> T convert_static(U x) { return static_cast<T>(x); }
template <typename T, typename U> T convert_c(U x) { return (T)x; }
template <typename T, typename U> struct Convert { T operator()(U x) const { return static_cast<T>(x); } };
template <typename T> struct Sum {
  T total = T(0);
  template <typename U> void add(U x) thread { total += static_cast<T>(x); }
};
template <typename T> T pick(bool c, const device T* p, T other) { return c ? p[0] : other; }
template <typename T> T twice(T x) { return T(2) * x; }
template <typename Out, typename In, int N>
void copy(device Out* out, const device In* in) { for (int i = 0; i < N; ++i) out[i] = Out(in[i]); }

kernel void check(device int* out, const device int* in, device half* h, device bfloat* b) {
  Results r{out};
  h[0] = 1.5h; h[1] = 0x1p3h; h[2] = half(0.25);
  b[0] = 1.5bf; b[1] = bfloat(3); b[2] = 2;
  r(h[0] * 2, 3);
  r(h[1], 8);
  r(b[0] * b[1] * 2, 9);
  r(convert<bfloat>(h[0]) * 2.0bf, 3);
  r(convert<half>(b[0]) * 2.0h, 3);
  r(convert_static<bfloat>(h[0]) * 2, 3);
  r(convert_static<half>(b[0]) * 2, 3);
  r(convert_c<bfloat>(h[0]) * 2, 3);
  r(convert_c<half>(b[0]) * 2, 3);
  r(Convert<bfloat, half>()(h[0]) * 2, 3);
  r(Convert<half, bfloat>()(b[0]) * 2, 3);
  Sum<bfloat> s;
  s.add(h[0]); s.add(1); s.add(b[0]);
  r(s.total, 4);
  Sum<half> t;
  t.add(b[0]); t.add(h[0]); t.add(1.0f);
  r(t.total, 4);
  copy<bfloat, half, 3>(b + 10, h);
  copy<half, bfloat, 3>(h + 20, b + 10);
  r(h[21], 8);
  r(pick(true, b, bfloat(7)) * 2, 3);
  r(in[0] > 0 ? h[0] * 2 : half(1), 3);
  r(twice(h[0]) + twice(b[0]), 6);
  half4 v = half4(1, 2, 3, 4);
  bfloat4 w = bfloat4(v);
  r(float(w.z) + float(half2(w.xy).y), 5);
  half a = 2048; a += 1;
  r(a, 2048);
  bfloat c = 256; c += 1;
  r(c, 256);
  r(as_type<ushort>(half(-2)), 0xc000);
  r(as_type<bfloat>(ushort(0x4000)) , 2);
  float mixed = h[0] + 1.0f;
  r(mixed * 2, 5);
  half x = 1; x = x / 3 * 3; x -= 1;
  r(metal::abs(x) < 0.001h, 1);
  r(h[0] > 1 && h[0] < 2.0h && !(h[0] == 1), 1);
  r(sizeof(h[0] + h[0]) + sizeof(1.0h) + sizeof(b[0] * b[0]) + sizeof(h[0] + 1.0f), 10);
  r(int(h[1]) + uint(h[1]) + long(b[1]) + bool(h[0]), 20);
  half u = uchar(3); u++; --u; u *= 2;
  r(u, 6);
  h[4] = in[0]; b[4] = in[0] * 0.5f;
  r(h[4] + half(b[4]), 18);
  r(float(0.1) == 0.1f && 0.1 == 0.1f, 1);
  r(1e30 * 1e30 > 3e38, 1);
  r(half(metal::fabs(b[0])) + half((b[0])) + (half)metal::fabs(b[0]) + static_cast<half>(metal::max(b[0], b[0])), b[0] * 4);
  while (int(half(b[0]))) b[0] = bfloat(int((half)metal::fabs(b[0])) - 1);
  switch (int(half(metal::fabs(b[0])))) { case 0: r(1, 1); break; default: r(0, 1); }
  r(1.0F + 2.f + .5 + 1. + 1e0h, 5);
}
