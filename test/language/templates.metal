// Templates in the forms that MLX's kernels use (4.1 to 4.7 of C++14, which Metal takes over).
template <typename T, int N = 4>
struct Tile {
  T values[N];
  static constexpr constant int size = N;
  T sum() const thread {
    T total = T(0);
    for (int i = 0; i < N; ++i) total += values[i];
    return total;
  }
};
template <typename T>  // partial specialisation
struct Tile<T, 1> {
  T value;
  static constexpr constant int size = 100;
  T sum() const thread { return value; }
};

template <typename U> struct Name { static constexpr constant int id = 0; };
template <> struct Name<half> { static constexpr constant int id = 1; };
template <> struct Name<int8_t> { static constexpr constant int id = 2; };
template <typename U> struct Name<device U*> { static constexpr constant int id = 3; };
template <typename U> struct Name<threadgroup U*> { static constexpr constant int id = 4; };

struct Add {
  template <typename T> T operator()(T a, T b) { return a + b; }
  template <typename T> static constexpr constant T init = T(0);
};
struct Mul {
  template <typename T> T operator()(T a, T b) { return a * b; }
  template <typename T> static constexpr constant T init = T(1);
};

template <typename T, typename Op, int N>
T reduce(const thread T* x) {
  Op op;
  T total = Op::template init<T>;
  for (int i = 0; i < N; ++i) total = op(total, x[i]);
  return total;
}

// Template template parameter, dependent names.
template <template <typename, int> class Container, typename T, int N>
struct Twice {
  typedef typename metal::conditional_t<N == 1, half, T> element;
  typename Container<T, N>::template rebind<T> inner;
};
template <typename T, int N>
struct Box { template <typename U> using rebind = Box<U, N>; T x[N]; };

// SFINAE, overloads on enable_if, void_t by hand.
template <typename T, metal::enable_if_t<metal::is_integral_v<T>, bool> = true> int kind(T) { return 1; }
template <typename T, metal::enable_if_t<metal::is_floating_point_v<T>, bool> = true> int kind(T) { return 2; }

// Variadic, fold, if constexpr, auto parameters.
template <typename... T> constexpr int count(T...) { return sizeof...(T); }
template <typename... T> int total(T... x) { return (0 + ... + int(x)); }
int total_recursively() { return 0; }
template <typename H, typename... T> int total_recursively(H head, T... tail) { return int(head) + total_recursively(tail...); }
template <int N> int unroll() {
  if constexpr (N == 0) { return 0; } else { return N + unroll<N - 1>(); }
}
template <auto V> struct Value { static constexpr constant int v = int(V); };

// Default arguments that depend on others, alias templates, variable templates.
template <typename T, typename Accumulator = metal::conditional_t<sizeof(T) < 4, float, T>>
Accumulator widen(T x) { return Accumulator(x) * 3; }
template <typename T> using Pointer = const device T*;
template <typename T> constant constexpr T kLimit = T(7);
template <> constant constexpr half kLimit<half> = half(9);

// A friend, a nested template, a static member function, CRTP.
template <typename D> struct Base { int run() thread { return static_cast<thread D*>(this)->value() + 1; } };
struct Derived : Base<Derived> { int value() thread { return 41; } };

// Address spaces as part of a deduced type.
template <typename P> int where(P) { return Name<P>::id; }

template <typename T, int BM, bool transposed>
[[kernel]] void shape(device T* out [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  out[i] = transposed ? T(BM) : T(-BM);
}
template [[host_name("shape_8")]] [[kernel]] void shape<float, 8, true>(device float* out [[buffer(0)]], uint i [[thread_position_in_grid]]);
typedef decltype(shape<half, 4, false>) shape_t;
template [[host_name("shape_4")]] [[kernel]] shape_t shape<half, 4, false>;
#define instantiate(name, T, n) template [[host_name(#name "_" #n)]] [[kernel]] decltype(shape<T, n, true>) shape<T, n, true>;
instantiate(int8, int8_t, 16)
instantiate(bf, bfloat, 32)

kernel void check(device int* out, const device int* in) {
  Results r{out};
  Tile<float, 3> tile{{1, 2, 3}};
  r(tile.sum(), 6);
  r(Tile<int, 1>{5}.sum(), 5);
  r(Tile<half>::size + Tile<half, 1>::size, 104);
  r(Name<half>::id * 10 + Name<char>::id, 10);
  r(Name<int8_t>::id, 2);
  r(where(out), 3);
  threadgroup float shared[1];
  threadgroup float* s = shared;
  r(where(s), 4);
  float x[4] = {1, 2, 3, 4};
  r(reduce<float, Add, 4>(x), 10);
  r(reduce<float, Mul, 4>(x), 24);
  Twice<Box, float, 1> twice;
  twice.inner.x[0] = 3;
  r(sizeof(decltype(twice)::element) * 10 + int(twice.inner.x[0]), 23);
  r(kind(1) * 10 + kind(1.0h), 12);
  r(count(1, 2.0f, 'c') * 100 + total(1, 2.5f, 3), 306);
  r(total_recursively(1, 2.0h, 3u, 4l), 10);
  r(unroll<4>(), 10);
  r(Value<'a'>::v + Value<true>::v, 98);
  r(widen(half(0.5)) * 2, 3);
  Pointer<int> p = in;
  r(*p, 12);
  r(kLimit<int> + int(kLimit<half>), 16);
  Derived d;
  r(d.run(), 42);
}
