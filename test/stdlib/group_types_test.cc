// Every function of simdgroups and quadgroups for every element type and width of vector, with all
// lanes and with some of them, against loops on the host. 80 threads: two simdgroups and a half.
#include <algorithm>
#include <cstring>
#include <random>
#include <type_traits>

#include "backend/narrow_floats.h"
#include "run_text.h"

namespace anymetal {
namespace {

constexpr int kThreads = 80;

/// How the host holds an element, and how it lies in memory.
template <class Host, class Memory = Host>
struct Format {
  using Value = Host;
  using Stored = Memory;
  static Stored store(Value value) { return Stored(value); }
  static Value load(Stored stored) { return Value(stored); }
};
struct Half : Format<float, uint16_t> {
  static uint16_t store(float value) { return backend::half_bits(value); }
  static float load(uint16_t bits) { return backend::half_value(bits); }
};
struct Bfloat : Format<float, uint16_t> {
  static uint16_t store(float value) { return backend::bfloat_bits(value); }
  static float load(uint16_t bits) { return backend::bfloat_value(bits); }
};

/// One function: its name without "simd_" or "quad_", the arguments after x, and what lane `lane`
/// must get. `x(lane)` is the operand of a lane, `lanes` those that take part, in order.
struct Function {
  const char* name;
  const char* arguments;
  enum Kind { sum, product, least, greatest, bit_and, bit_or, bit_xor, prefix, move } kind;
  bool inclusive = false;                        ///< of prefixes
  bool of_products = false;                      ///< of prefixes
  int (*origin)(int lane, int width) = nullptr;  ///< of moves: the lane; < 0: not defined
  bool integers_only = false;
};

int lane_up(int lane, int) {
  return lane >= 2 ? lane - 2 : -1;
}
int lane_down(int lane, int width) {
  return lane + 1 < width ? lane + 1 : -1;
}
int lane_xor(int lane, int) {
  return lane ^ 1;
}
int lane_fixed(int, int) {
  return 2;
}
int lane_turned(int lane, int width) {
  return (lane * 3 + 1) % width;
}
int rotate_up(int lane, int width) {
  return (lane + width - 1) % width;
}
int rotate_down(int lane, int width) {
  return (lane + 2) % width;
}
// Fills are written as x + 1 by the kernel; 1000 marks the second operand.
int fill_up(int lane, int) {
  return lane % 4 >= 1 ? lane - 1 : lane + 3 + 1000;
}
int fill_down(int lane, int) {
  return lane % 4 < 2 ? lane + 2 : lane - 2 + 1000;
}

const Function kFunctions[] = {
    {"sum", "", Function::sum},
    {"product", "", Function::product},
    {"min", "", Function::least},
    {"max", "", Function::greatest},
    {"and", "", Function::bit_and, false, false, nullptr, true},
    {"or", "", Function::bit_or, false, false, nullptr, true},
    {"xor", "", Function::bit_xor, false, false, nullptr, true},
    {"prefix_inclusive_sum", "", Function::prefix, true, false},
    {"prefix_exclusive_sum", "", Function::prefix, false, false},
    {"prefix_inclusive_product", "", Function::prefix, true, true},
    {"prefix_exclusive_product", "", Function::prefix, false, true},
    {"broadcast", ", 2", Function::move, false, false, lane_fixed},
    {"shuffle", ", (group_lane * 3 + 1) % group_width", Function::move, false, false, lane_turned},
    {"shuffle_up", ", 2", Function::move, false, false, lane_up},
    {"shuffle_down", ", 1", Function::move, false, false, lane_down},
    {"shuffle_xor", ", 1", Function::move, false, false, lane_xor},
    {"shuffle_rotate_up", ", 1", Function::move, false, false, rotate_up},
    {"shuffle_rotate_down", ", 2", Function::move, false, false, rotate_down},
    {"shuffle_and_fill_up", ", V(x + V(T(1))), 1, 4", Function::move, false, false, fill_up},
    {"shuffle_and_fill_down", ", V(x + V(T(1))), 2, 4", Function::move, false, false, fill_down},
};

bool is_active(int thread, bool some) {
  return !some || (thread * 7 + 3) % 5 != 0;
}

std::string kernel_text(const std::string& type, int width, bool integers) {
  std::string text = "typedef " + type + " T;\ntypedef " +
                     (width == 1 ? type : "vec<" + type + ", " + std::to_string(width) + ">") +
                     " V;\n" +
                     (width == 1 ? R"(
T part(T x, int) { return x; }
void set(thread T& x, int, T value) { x = value; }
)"
                                 : R"(
T part(V x, int c) { return x[c]; }
void set(thread V& x, int c, T value) { x[c] = value; }
)") + R"(
kernel void k(device const T* in, device T* out, uint i [[thread_position_in_grid]],
              ushort lane [[thread_index_in_simdgroup]]) {
  V x, y;
  for (int c = 0; c < WIDTH; ++c) set(x, c, in[i * WIDTH + c]);
  int slot = 0;
)";
  const auto call = [&](const Function& function, const char* group) {
    text += std::string("  y = ") + group + function.name + "(x" + function.arguments +
            ");\n  for (int c = 0; c < WIDTH; ++c) out[(slot * 80 + i) * WIDTH + c] = part(y, c);\n"
            "  ++slot;\n";
  };
  for (const char* condition : {"true", "(i * 7 + 3) % 5 != 0"}) {
    text += std::string("  if (") + condition + ") {\n";
    for (const char* group : {"simd_", "quad_"}) {
      text += std::string("  {\n  const ushort group_width = ") + (group[0] == 's' ? "32" : "4") +
              ", group_lane = lane % group_width;\n";
      for (const Function& function : kFunctions)
        if (integers || !function.integers_only) call(function, group);
      text += "  }\n";
    }
    text += "  }\n";
  }
  text += "}\n";
  for (size_t at = 0; (at = text.find("WIDTH", at)) != std::string::npos;)
    text.replace(at, 5, std::to_string(width));
  return text;
}

template <class T>
T add(T a, T b) {
  if constexpr (std::is_integral_v<T>) return T(uint64_t(a) + uint64_t(b));
  return a + b;
}
template <class T>
T multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>) return T(uint64_t(a) * uint64_t(b));
  return a * b;
}

/// The answer for one thread, or false where Metal leaves it undefined. `x` has one value for each
/// thread of the grid.
template <class T>
bool expected(const Function& function, const std::vector<T>& x, int thread, int width, bool some,
              T& out) {
  const int first = thread / width * width, end = std::min(first + width, kThreads);
  std::vector<int> lanes;
  for (int at = first; at < end; ++at)
    if (is_active(at, some)) lanes.push_back(at);
  if (function.kind == Function::move) {
    const int origin = function.origin(thread - first, width);
    if (origin < 0) return false;
    const int from = first + origin % 1000;
    if (std::find(lanes.begin(), lanes.end(), from) == lanes.end()) return false;
    out = origin >= 1000 ? add(x[from], T(1)) : x[from];
    return true;
  }
  if (function.kind == Function::prefix) {
    out = T(function.of_products ? 1 : 0);
    for (int lane : lanes) {
      if (lane > thread || (lane == thread && !function.inclusive)) break;
      out = function.of_products ? multiply(out, x[lane]) : add(out, x[lane]);
    }
    return true;
  }
  out = x[lanes[0]];
  for (size_t n = 1; n < lanes.size(); ++n) {
    const T value = x[lanes[n]];
    if (function.kind == Function::sum) out = add(out, value);
    if (function.kind == Function::product) out = multiply(out, value);
    if (function.kind == Function::least) out = std::min(out, value);
    if (function.kind == Function::greatest) out = std::max(out, value);
    if constexpr (std::is_integral_v<T>) {
      if (function.kind == Function::bit_and) out = T(out & value);
      if (function.kind == Function::bit_or) out = T(out | value);
      if (function.kind == Function::bit_xor) out = T(out ^ value);
    }
  }
  return true;
}

/// Integers of all bits; floats whose sums and products of 32 are exact in bfloat.
template <class T>
T any_value(std::mt19937_64& random) {
  if constexpr (std::is_integral_v<T>) return T(random() | 1);
  const int pick = int(random() % 8);
  return T(pick == 0 ? 2 : pick == 1 ? -2 : pick % 2 ? -1 : 1);
}

template <class Of>
void check(const char* type, int width) {
  using T = typename Of::Value;
  constexpr bool integers = std::is_integral_v<T>;
  std::mt19937_64 random(unsigned(width) * 31 + sizeof(T));
  std::vector<std::vector<T>> x(width, std::vector<T>(kThreads));
  std::vector<typename Of::Stored> in(size_t(kThreads) * width);
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int c = 0; c < width; ++c) {
      x[c][thread] = any_value<T>(random);
      in[thread * width + c] = Of::store(x[c][thread]);
    }
  }
  std::vector<typename Of::Stored> out(size_t(kThreads) * width * 4 * std::size(kFunctions));
  ASSERT_TRUE(run_text(kernel_text(type, width, integers), {argument(in), argument(out)}, kThreads,
                       kThreads));
  int slot = 0, compared = 0;
  for (const bool some : {false, true}) {
    for (const int group : {32, 4}) {
      for (const Function& function : kFunctions) {
        if (!integers && function.integers_only) continue;
        for (int thread = 0; thread < kThreads; ++thread) {
          T want;
          for (int c = 0; c < width && is_active(thread, some); ++c) {
            if (!expected(function, x[c], thread, group, some, want)) continue;
            const T got = Of::load(out[size_t(slot * kThreads + thread) * width + c]);
            ASSERT_EQ(got, want) << type << width << " " << (group == 4 ? "quad_" : "simd_")
                                 << function.name << " of thread " << thread << ", component " << c
                                 << (some ? ", some lanes" : ", all lanes");
            ++compared;
          }
        }
        ++slot;
      }
    }
  }
  EXPECT_GT(compared, 3000 * width);
}

// Vectors of two and three go the way of the element type's scalars, so one type of them is enough.
TEST(GroupTypes, Integers8And16) {
  for (const int width : {1, 4}) {
    check<Format<int8_t>>("char", width);
    check<Format<uint16_t>>("ushort", width);
  }
  check<Format<uint8_t>>("uchar", 1);
  check<Format<int16_t>>("short", 1);
}
TEST(GroupTypes, Integers32And64) {
  check<Format<int32_t>>("int", 1);
  for (const int width : {1, 2, 3, 4}) check<Format<uint32_t>>("uint", width);
  check<Format<int64_t>>("long", 1);
  check<Format<uint64_t>>("ulong", 4);
}
TEST(GroupTypes, Floats) {
  check<Format<float>>("float", 1);
  check<Format<float>>("float", 3);
  check<Half>("half", 1);
  check<Half>("half", 4);
  check<Bfloat>("bfloat", 1);
  check<Bfloat>("bfloat", 2);
}

// What has no element type: votes, masks, who is first; and the classes of votes.
TEST(Votes, OfSomeLanes) {
  std::vector<uint32_t> out(kThreads * 12);
  ASSERT_TRUE(run_text(R"(
kernel void k(device uint* out, uint i [[thread_position_in_grid]], ushort lane [[thread_index_in_simdgroup]]) {
  device uint* o = out + i * 12;
  const bool odd = lane & 1;
  if ((i * 7 + 3) % 5 != 0) {
    o[0] = uint((simd_vote::vote_t)simd_ballot(odd));
    o[1] = uint((simd_vote::vote_t)simd_active_threads_mask());
    o[2] = simd_is_first() + 2 * simd_all(odd) + 4 * simd_any(odd);
    o[3] = uint((quad_vote::vote_t)quad_ballot(odd));
    o[4] = uint((quad_vote::vote_t)quad_active_threads_mask());
    o[5] = quad_is_first() + 2 * quad_all(odd) + 4 * quad_any(odd);
  }
  simd_vote votes = simd_ballot(odd);
  simd_vote same(static_cast<simd_vote::vote_t>(votes));
  o[6] = votes.all() + 2 * votes.any() + 4 * simd_ballot(false).any() + 8 * simd_ballot(true).all() + 16 * same.any();
  o[7] = simd_shuffle(odd, 1) + 2 * simd_broadcast(odd, 0) + 4 * quad_shuffle_xor(odd, 1) + 8 * simd_broadcast_first(!odd);
  quad_vote quad = quad_ballot(true);
  o[8] = quad.all() + 2 * quad.any() + 4 * quad_ballot(odd).all();
})",
                       {argument(out)}, kThreads, kThreads));
  for (int i = 0; i < kThreads; ++i) {
    const uint32_t* o = &out[size_t(i) * 12];
    const int first = i / 32 * 32, quad = i / 4 * 4;
    uint32_t active = 0, odd = 0, quad_active = 0, quad_odd = 0;
    for (int j = first; j < std::min(first + 32, kThreads); ++j) {
      if (!is_active(j, true)) continue;
      active |= 1u << (j - first);
      if (j & 1) odd |= 1u << (j - first);
      if (j / 4 * 4 == quad) quad_active |= 1u << (j - quad);
      if (j / 4 * 4 == quad && (j & 1)) quad_odd |= 1u << (j - quad);
    }
    const auto summary = [](uint32_t all, uint32_t votes, uint32_t own) {
      return uint32_t((all & -all) == own) + 2 * (votes == all) + 4 * (votes != 0);
    };
    if (is_active(i, true)) {
      EXPECT_EQ(o[0], odd) << i;
      EXPECT_EQ(o[1], active) << i;
      EXPECT_EQ(o[2], summary(active, odd, 1u << (i - first))) << i;
      EXPECT_EQ(o[3], quad_odd) << i;
      EXPECT_EQ(o[4], quad_active) << i;
      EXPECT_EQ(o[5], summary(quad_active, quad_odd, 1u << (i - quad))) << i;
    }
    EXPECT_EQ(o[6], 2u + (i < 64 ? 8 : 0) + 16) << i;
    EXPECT_EQ(o[7], 1u + (i & 1 ? 0 : 4) + 8) << i;
    EXPECT_EQ(o[8], 3u) << i;
  }
}

}  // namespace
}  // namespace anymetal
