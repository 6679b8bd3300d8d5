// C++20's keywords, words of other languages and Metal's own contextual words as names.
struct module { int import; int export_; };
namespace fn { int kernel(int x) { return x; } int vertex(int x) { return x + 1; } }
int requires(int concept) { return concept + 1; }
template <typename T> struct co_await { T co_yield; };
int buffer(int id) { return id; }
struct texture { int id; };
kernel void check(device int* out, const device int* in) {
  Results r{out};
  module m = {1, 2};
  r(m.import + m.export_, 3);
  int consteval = 1, constinit = 2, co_return = 3, char8_t = 4;
  r(consteval + constinit + co_return + char8_t, 10);
  r(requires(4), 5);
  co_await<int> c{7};
  r(c.co_yield, 7);
  int __local = 1, __global = 2, global = 3, local = 4, sampler_state = 5;
  r(__local + __global + global + local + sampler_state, 15);
  int position = 1, color = 2, user = 3, stage_in = 4, final = 5, override = 6, grid = 7, lane = 8;
  r(position + color + user + stage_in + final + override + grid + lane, 36);
  r(fn::vertex(fn::kernel(3)), 4);
  int buffer_id = buffer(2);
  texture texture{3};
  r(buffer_id + texture.id, 5);
  int index = 1, main = 2, y0 = 3, printf_like = 4, half_size = 5, read = 6, write = 7, access = 8;
  r(index + main + y0 + printf_like + half_size + read + write + access, 36);
  int size_of = 0, remainder = 1, time = 2, exit = 3, malloc = 4, abs_ = 5, div = 6;
  r(size_of + remainder + time + exit + malloc + abs_ + div, 21);
}
