// Functions of one's own that have names of the library's (5 to 6.7): what the user wrote is taken where it fits as well, and an
// explicit template argument can only mean a template.
template <typename T>
T divide(T a, T b) { return (a + b - 1) / b; }
template <typename T>
T min(T a, T b, T c, T d) { return metal::min(metal::min(a, b), metal::min(c, d)); }
template <typename T>
T clamp(T x) { return x + 100; }
template <typename T, typename U>
T mix(U a, U b) { return T(a * 10 + b); }
template <typename T>
T popcount(T x) { return x + 1; }
template <typename T>
T dot(T a, T b) { return a - b; }
template <typename T>
bool isnan(T x) { return x > T(5); }

kernel void check(device int* out [[buffer(0)]], const device int* in [[buffer(1)]]) {
  Results results{out};
  const int twelve = in[0];
  const ulong a = twelve - 5, b = twelve - 10;  // 7, 2
  results(divide<uint>(a, b), 4);
  results(divide<uint>(7, b), 4);
  results(divide<long>(uint(7), short(2)), 4);
  results(min(4, 3, twelve, 5), 3);
  results(clamp(twelve), 112);
  results(clamp<short>(twelve), 112);
  results(mix<int>(twelve, 3), 123);
  results(popcount<ulong>(twelve), 13);
  results(dot<int>(twelve, 5u), 7);
  results(dot<float>(twelve, 5), 7);
  results(isnan<int>(twelve), 1);
  results(isnan<float>(twelve - 10), 0);
}
