// Lambdas as MLX's steel and sdpa kernels use them: capture by reference and value, generic, constexpr, passed on.
template <typename F> void repeat(int n, F f) { for (int i = 0; i < n; ++i) f(i); }
template <typename F> float apply(thread const F& f, float x) { return f(x); }
template <int N, typename F> void static_for(F f) {
  if constexpr (N > 0) { static_for<N - 1>(f); f(metal::integral_constant<int, N - 1>{}); }
}
struct Counter {
  int n = 0;
  void add(int k) thread { auto bump = [this, k]() { n += k; }; bump(); bump(); }
};
constant constexpr auto square = [](auto x) { return x * x; };

kernel void check(device int* out, const device int* in, uint id [[thread_position_in_grid]]) {
  Results r{out};
  int total = 0;
  repeat(4, [&](int i) { total += i; });
  r(total, 6);
  repeat(3, [&total](int i) thread { total -= i; });
  r(total, 3);
  const int base = 10;
  auto add = [=](int x) -> int { return x + base; };
  r(add(5), 15);
  auto scale = [factor = 2.5f](float x) { return x * factor; };
  r(apply(scale, 4) , 10);
  int sum = 0;
  static_for<4>([&](auto index) { sum += decltype(index)::value * 10; });
  r(sum, 60);
  auto load = [&](int i) { return in[i] + int(id); };
  r(load(0), 12);
  auto store = [&](device int* p) { p[0] = 5; };
  store(out + 200);
  r(out[200], 5);
  Counter c;
  c.add(3);
  r(c.n, 6);
  r(square(7) + int(square(1.5f) * 4), 58);
  auto mutate = [n = 1]() mutable { return ++n; };
  mutate();
  r(mutate(), 3);
  r([](int a, int b) { return a * b; }(6, 7), 42);
}
