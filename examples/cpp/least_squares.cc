// Fits a line through points with the kernel library, in C++: no Python, no Mac.
//
//   c++ -std=c++20 least_squares.cc $(python3 -m anymetal.kernels --cflags --libs) -o least_squares
#include <cmath>
#include <cstdio>

#include "anymetal_kernels/lstsq.h"
#include "anymetal_kernels/qr.h"

namespace mx = mlx::core;

int main() {
  constexpr int kPoints = 1000;
  // y = 3 x - 2, and waves that a line can't follow.
  const auto x = mx::reshape(mx::linspace(-1.0, 1.0, kPoints), {kPoints, 1});
  const auto waves = mx::multiply(mx::array(0.1F), mx::sin(mx::multiply(mx::array(200.0F), x)));
  const auto y = mx::add(mx::subtract(mx::multiply(mx::array(3.0F), x), mx::array(2.0F)), waves);
  const auto a = mx::concatenate({x, mx::ones({kPoints, 1})}, 1);
  auto line = anymetal::kernels::lstsq(a, y);
  line.eval();
  const float slope = line.data<float>()[0], start = line.data<float>()[1];

  const auto [q, r] = anymetal::kernels::qr(a);
  const float off = mx::max(mx::abs(mx::subtract(mx::matmul(q, r), a))).item<float>();
  std::printf("y = %.2f x %+.2f, |QR - A| %.0e\n", slope, start, off);
  return std::fabs(slope - 3) < 0.01F && std::fabs(start + 2) < 0.01F && off < 1e-5F ? 0 : 1;
}
