template <int N> struct A { static constexpr int v = A<N+1>::v; };
kernel void k(device float* a) { a[0] = A<0>::v; }
