#include "backend/reference/matrices.h"

#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace anymetal::backend::reference {
namespace {

constexpr int kSize = 8;

struct Matrix {
  alignas(32) float row[kSize][kSize];
};

/// Where a lane's two elements lie (Apple's layout, which published kernels rely on).
struct Location {
  uint32_t row, column;
};
constexpr Location location_of(uint32_t lane) {
  return {(lane >> 2 & 4) | (lane >> 1 & 3), (lane >> 1 & 4) | (lane & 1) << 1};
}

Matrix gather(const ThreadState* lanes, uint32_t count, uint32_t active, int operand) {
  Matrix out{};
  for (uint32_t lane = 0; lane < count; ++lane) {
    if ((active >> lane & 1) == 0) continue;
    const Location at = location_of(lane);
    std::memcpy(&out.row[at.row][at.column], &lanes[lane].operands[operand], 2 * sizeof(float));
  }
  return out;
}

/// Each element is begun with c and takes fused products by rising index: what is written here in
/// rows of eight is the same for each element, with and without vector instructions.
void multiply_add_plainly(const Matrix& a, const Matrix& b, Matrix& c) {
  for (int row = 0; row < kSize; ++row) {
    for (int k = 0; k < kSize; ++k) {
      for (int column = 0; column < kSize; ++column) {
        float& sum = c.row[row][column];
        sum = std::fma(a.row[row][k], b.row[k][column], sum);
      }
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void multiply_add_fast(const Matrix& a, const Matrix& b,
                                                           Matrix& c) {
  __m256 right[kSize];
  for (int k = 0; k < kSize; ++k) right[k] = _mm256_load_ps(b.row[k]);
  for (int row = 0; row < kSize; ++row) {
    __m256 sum = _mm256_load_ps(c.row[row]);
    for (int k = 0; k < kSize; ++k) {
      sum = _mm256_fmadd_ps(_mm256_set1_ps(a.row[row][k]), right[k], sum);
    }
    _mm256_store_ps(c.row[row], sum);
  }
}
#endif

void multiply_add(const Matrix& a, const Matrix& b, Matrix& c) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (fast) return multiply_add_fast(a, b, c);
#endif
  multiply_add_plainly(a, b, c);
}

}  // namespace

void multiply_matrices(ThreadState* lanes, uint32_t count, uint32_t active) {
  const Matrix a = gather(lanes, count, active, 0);
  const Matrix b = gather(lanes, count, active, 1);
  Matrix c = gather(lanes, count, active, 2);
  multiply_add(a, b, c);
  for (uint32_t lane = 0; lane < count; ++lane) {
    if ((active >> lane & 1) == 0) continue;
    const Location at = location_of(lane);
    std::memcpy(&lanes[lane].result, &c.row[at.row][at.column], 2 * sizeof(float));
  }
}

}  // namespace anymetal::backend::reference
