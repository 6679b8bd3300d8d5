#include <metal_stdlib>
using namespace metal;

struct Square {
  template <typename T> T operator()(T x) { return x * x; }
};
struct Twice {
  template <typename T> T operator()(T x) { return x + x; }
};

/// Op of each element, N for each thread.
template <typename T, typename Op, int N = 4>
[[kernel]] void apply(device const T* in [[buffer(0)]], device T* out [[buffer(1)]], constant uint& size [[buffer(2)]],
                      uint index [[thread_position_in_grid]]) {
  Op op;
  for (uint k = index * N; k < index * N + N && k < size; ++k) out[k] = op(in[k]);
}

#define instantiate(name, type, op) \
  template [[host_name("square_" #name)]] [[kernel]] decltype(apply<type, op>) apply<type, op>;

instantiate(float32, float, Square)
instantiate(float16, half, Square)
instantiate(int32, int, Square)
template [[host_name("twice_by_2")]] [[kernel]] void apply<float, Twice, 2>(device const float*, device float*, constant uint&, uint);

template <typename T, bool Inverse>
[[kernel]] void ramp(device T* out [[buffer(0)]], constant T& start [[buffer(1)]], constant T& step [[buffer(2)]],
                     uint i [[thread_position_in_grid]]) {
  out[i] = Inverse ? start - T(i % 7) * step : start + T(i % 7) * step;
}
template [[host_name("ramp_up")]] kernel decltype(ramp<float, false>) ramp<float, false>;
template [[host_name("ramp_down")]] kernel decltype(ramp<float, true>) ramp<float, true>;
