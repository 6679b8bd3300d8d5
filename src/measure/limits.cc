// Two measures of the machine, taken with the threads that kernels run on, in the same process and
// between the same runs: a copy past the caches, and multiply-adds in registers.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "backend/thread_pool.h"
#include "measure/measure.h"
#include "runtime/runtime.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace anymetal::measure {
namespace {

using Clock = std::chrono::steady_clock;
using backend::ThreadPool;

/// Hands out numbered pieces of work to all threads; the caller works too.
template <class Work>
class Shared final : public ThreadPool::Job {
 public:
  Shared(size_t pieces, Work work) : pieces_(pieces), work_(work) {}
  void help() noexcept override {
    for (size_t i = next_++; i < pieces_; i = next_++) work_(i);
  }
  void run() {
    ThreadPool& pool = ThreadPool::shared();
    pool.enlist(*this, pool.size() - 1);
    help();
    pool.dismiss(*this);
  }

 private:
  const size_t pieces_;
  Work work_;
  std::atomic<size_t> next_{0};
};

template <class Work>
double seconds_of(size_t pieces, Work work) {
  Shared<Work> job(pieces, work);
  const Clock::time_point start = Clock::now();
  job.run();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

size_t copied_bytes() {
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  const size_t wanted = cache > 0 ? 2 * static_cast<size_t>(cache) : 0;
  return std::clamp<size_t>(wanted, size_t{64} << 20, size_t{256} << 20);
}

// Chains of multiply-adds, enough of them to hide how long one takes, without memory. `rounds` of
// kChains vectors each.
constexpr int kChains = 12;

#define ANYMETAL_CHAINS(Vector, set, step, sum)                                      \
  Vector chains[kChains];                                                            \
  for (int k = 0; k < kChains; ++k) chains[k] = set(1.0f + float(k));                \
  const Vector x = set(1.0000001f), y = set(1e-9f);                                  \
  for (long round = 0; round < rounds; ++round) {                                    \
    _Pragma("clang loop unroll(full)") for (int k = 0; k < kChains; ++k) chains[k] = \
        step(chains[k], x, y);                                                       \
    asm volatile("" ::: "memory");                                                   \
  }                                                                                  \
  float total = 0;                                                                   \
  for (int k = 0; k < kChains; ++k) total += sum(chains[k]);                         \
  return total

struct MultiplyAdd {
  float (*run)(long rounds);
  long width;
};

#if defined(__x86_64__)

float first_of(__m512 v) __attribute__((target("avx512f")));
float first_of(__m512 v) {
  return _mm512_cvtss_f32(v);
}
__attribute__((target("avx512f"))) float chains_avx512(long rounds) {
  ANYMETAL_CHAINS(__m512, _mm512_set1_ps, _mm512_fmadd_ps, first_of);
}

__attribute__((target("avx2,fma"))) float chains_avx2(long rounds) {
  ANYMETAL_CHAINS(__m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32);
}

__m128 multiply_then_add(__m128 a, __m128 x, __m128 y) {
  return _mm_add_ps(_mm_mul_ps(a, x), y);
}
float chains_sse(long rounds) {
  ANYMETAL_CHAINS(__m128, _mm_set1_ps, multiply_then_add, _mm_cvtss_f32);
}

/// Stores that don't read first what they overwrite: what the memory can do at best.
void copy_past_caches(std::byte* to, const std::byte* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) {
    __m128i line[4];
    for (int k = 0; k < 4; ++k)
      line[k] = _mm_load_si128(reinterpret_cast<const __m128i*>(from + i) + k);
    for (int k = 0; k < 4; ++k) _mm_stream_si128(reinterpret_cast<__m128i*>(to + i) + k, line[k]);
  }
  _mm_sfence();
}

MultiplyAdd widest() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return {chains_avx512, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {chains_avx2, 8};
  return {chains_sse, 4};
}

#else

void copy_past_caches(std::byte* to, const std::byte* from, size_t bytes) {
  std::memcpy(to, from, bytes);
}

using Floats = float __attribute__((vector_size(16)));
Floats all(float value) {
  return Floats{value, value, value, value};
}
Floats fused(Floats a, Floats x, Floats y) {
  Floats out;
  for (int i = 0; i < 4; ++i) out[i] = __builtin_fmaf(a[i], x[i], y[i]);
  return out;
}
float first_of(Floats v) {
  return v[0];
}
float chains_plain(long rounds) {
  ANYMETAL_CHAINS(Floats, all, fused, first_of);
}
MultiplyAdd widest() {
  return {chains_plain, 4};
}

#endif

std::atomic<float> nobody_asks{0};  // several threads write it

// A measure is the best of so many short ones: what else runs on the machine disturbs some of them.
constexpr size_t kParts = 4;

}  // namespace

struct Limits::State {
  size_t bytes = copied_bytes();
  std::byte* from = nullptr;
  std::byte* to = nullptr;
  MultiplyAdd multiply_add = widest();
  size_t threads = ThreadPool::shared().size();
};

Limits::Limits() : state_(std::make_unique<State>()) {
  void* memory =
      mmap(nullptr, 2 * state_->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  state_->from = static_cast<std::byte*>(memory);
  state_->to = state_->from + state_->bytes;
  seconds_of(state_->threads, [&](size_t i) {
    const size_t part = state_->bytes * 2 / state_->threads;
    std::memset(state_->from + i * part, 1, part);
  });
}

Limits::~Limits() {
  if (state_->from) munmap(state_->from, 2 * state_->bytes);
}

double Limits::copy() {
  if (!state_->from) return 0;
  constexpr size_t kPiece = size_t{1} << 20;
  const size_t pieces = state_->bytes / kPiece / kParts;
  double best = 0;
  for (size_t part = 0; part < kParts; ++part) {
    const size_t first = part * pieces;
    const double seconds = seconds_of(pieces, [&](size_t i) {
      copy_past_caches(state_->to + (first + i) * kPiece, state_->from + (first + i) * kPiece,
                       kPiece);
    });
    best = std::max(best, 2.0 * static_cast<double>(pieces * kPiece) / seconds);
  }
  return best;
}

double Limits::multiply_add() {
  constexpr long kRounds = 60000;
  const size_t pieces = state_->threads * 4;
  const auto run = state_->multiply_add.run;
  double best = 0;
  for (size_t part = 0; part < kParts; ++part) {
    const double seconds = seconds_of(pieces, [run](size_t) { nobody_asks = run(kRounds); });
    best = std::max(best, 2.0 * static_cast<double>(pieces) * kRounds * kChains *
                              static_cast<double>(state_->multiply_add.width) / seconds);
  }
  return best;
}

Machine machine() {
  const runtime::Device& device = runtime::Device::system();
  constexpr const char* kBounds[] = {"error", "robust", "off"};
  return {.device = device.name(),
          .executor = device.settings().executor,
          .bounds = kBounds[static_cast<int>(device.settings().bounds)],
          .threads = ThreadPool::shared().size()};
}

}  // namespace anymetal::measure
