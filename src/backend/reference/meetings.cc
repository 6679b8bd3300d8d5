#include "backend/reference/meetings.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "backend/narrow_floats.h"
#include "backend/reference/matrices.h"

namespace anymetal::backend::reference {
namespace {

struct NamedOperation {
  std::string_view name;  ///< without "simd_" or "quad_"
  Operation operation;
};

constexpr NamedOperation kOperations[] = {
    {"sum", Operation::sum},
    {"product", Operation::product},
    {"min", Operation::min},
    {"max", Operation::max},
    {"and", Operation::bit_and},
    {"or", Operation::bit_or},
    {"xor", Operation::bit_xor},
    {"prefix_inclusive_sum", Operation::prefix_inclusive_sum},
    {"prefix_exclusive_sum", Operation::prefix_exclusive_sum},
    {"prefix_inclusive_product", Operation::prefix_inclusive_product},
    {"prefix_exclusive_product", Operation::prefix_exclusive_product},
    {"broadcast", Operation::broadcast},
    {"broadcast_first", Operation::broadcast_first},
    {"shuffle", Operation::shuffle},
    {"shuffle_up", Operation::shuffle_up},
    {"shuffle_down", Operation::shuffle_down},
    {"shuffle_xor", Operation::shuffle_xor},
    {"shuffle_rotate_up", Operation::rotate_up},
    {"shuffle_rotate_down", Operation::rotate_down},
    {"shuffle_and_fill_up", Operation::fill_up},
    {"shuffle_and_fill_down", Operation::fill_down},
    {"all", Operation::all},
    {"any", Operation::any},
    {"ballot", Operation::ballot},
    {"active_threads_mask", Operation::active_mask},
    {"is_first", Operation::is_first},
};

/// The lanes among which one operation works: a simdgroup, or one of its quadgroups.
struct Span {
  ThreadState* lanes;
  uint32_t size;    ///< lanes that exist
  uint32_t width;   ///< 32 or 4
  uint32_t active;  ///< bit i: lane i takes part

  [[nodiscard]] bool has(uint32_t lane) const { return lane < size && (active >> lane & 1); }
  [[nodiscard]] uint32_t first() const { return uint32_t(std::countr_zero(active)); }
};

/// How a type's values lie in a slot, and in what type they are computed with. Sums of half and
/// bfloat are taken in float and rounded once.
template <class Stored, class Computed = Stored>
struct Plain {
  using Value = Computed;
  static Value read(const void* slot) {
    Stored stored;
    std::memcpy(&stored, slot, sizeof stored);
    return Computed(stored);
  }
  static void write(void* slot, Value value) {
    const auto stored = Stored(value);
    std::memcpy(slot, &stored, sizeof stored);
  }
};
struct Half {
  using Value = float;
  static Value read(const void* slot) { return half_value(Plain<uint16_t>::read(slot)); }
  static void write(void* slot, Value value) { Plain<uint16_t>::write(slot, half_bits(value)); }
};
struct Bfloat {
  using Value = float;
  static Value read(const void* slot) { return bfloat_value(Plain<uint16_t>::read(slot)); }
  static void write(void* slot, Value value) { Plain<uint16_t>::write(slot, bfloat_bits(value)); }
};

/// Integers wrap: computed in an unsigned type of at least the width of int.
template <class T>
T add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return T(uint64_t(a) + uint64_t(b));
  } else {
    return a + b;
  }
}
template <class T>
T multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return T(uint64_t(a) * uint64_t(b));
  } else {
    return a * b;
  }
}
template <class T>
T least(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return b < a ? b : a;
  } else {
    return std::fmin(a, b);
  }
}
template <class T>
T greatest(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return a < b ? b : a;
  } else {
    return std::fmax(a, b);
  }
}

/// As a tree, upper half onto lower half: the order of the hardware's shuffles, and more exact than
/// a running sum.
template <class Format, class Combine>
void reduce(const Span& span, Combine combine) {
  using Value = typename Format::Value;
  Value values[kSimdgroupSize] = {};
  uint32_t present = span.active;
  for (uint32_t lane = 0; lane < span.size; ++lane) {
    if (span.has(lane)) values[lane] = Format::read(&span.lanes[lane].operands[0]);
  }
  for (uint32_t step = span.width / 2; step != 0; step /= 2) {
    for (uint32_t lane = 0; lane < step; ++lane) {
      const bool low = present >> lane & 1, high = present >> (lane + step) & 1;
      if (low && high) values[lane] = combine(values[lane], values[lane + step]);
      if (!low && high) values[lane] = values[lane + step];
      if (high) present |= 1u << lane;
    }
  }
  for (uint32_t lane = 0; lane < span.size; ++lane) {
    if (span.has(lane)) Format::write(&span.lanes[lane].result, values[0]);
  }
}

template <class Format, class Combine>
void scan(const Span& span, bool inclusive, typename Format::Value start, Combine combine) {
  auto running = start;
  for (uint32_t lane = 0; lane < span.size; ++lane) {
    if (!span.has(lane)) continue;
    ThreadState& thread = span.lanes[lane];
    const auto before = running;
    running = combine(running, Format::read(&thread.operands[0]));
    Format::write(&thread.result, inclusive ? running : before);
  }
}

template <class Format>
void compute(Operation operation, const Span& span) {
  using Value = typename Format::Value;
  const auto sum = [](Value a, Value b) { return add(a, b); };
  const auto product = [](Value a, Value b) { return multiply(a, b); };
  switch (operation) {
    case Operation::sum:
      return reduce<Format>(span, sum);
    case Operation::product:
      return reduce<Format>(span, product);
    case Operation::min:
      return reduce<Format>(span, [](Value a, Value b) { return least(a, b); });
    case Operation::max:
      return reduce<Format>(span, [](Value a, Value b) { return greatest(a, b); });
    case Operation::prefix_inclusive_sum:
      return scan<Format>(span, true, Value(0), sum);
    case Operation::prefix_exclusive_sum:
      return scan<Format>(span, false, Value(0), sum);
    case Operation::prefix_inclusive_product:
      return scan<Format>(span, true, Value(1), product);
    case Operation::prefix_exclusive_product:
      return scan<Format>(span, false, Value(1), product);
    default:
      break;
  }
  if constexpr (std::is_integral_v<Value>) {
    if (operation == Operation::bit_and)
      return reduce<Format>(span, [](Value a, Value b) { return Value(a & b); });
    if (operation == Operation::bit_or)
      return reduce<Format>(span, [](Value a, Value b) { return Value(a | b); });
    if (operation == Operation::bit_xor)
      return reduce<Format>(span, [](Value a, Value b) { return Value(a ^ b); });
  }
}

void compute(Operation operation, builtins::Type type, const Span& span) {
  using builtins::Type;
  switch (type) {
    case Type::f32:
      return compute<Plain<float>>(operation, span);
    case Type::f16:
      return compute<Half>(operation, span);
    case Type::bf16:
      return compute<Bfloat>(operation, span);
    case Type::i8:
      return compute<Plain<int8_t>>(operation, span);
    case Type::u8:
      return compute<Plain<uint8_t>>(operation, span);
    case Type::i16:
      return compute<Plain<int16_t>>(operation, span);
    case Type::u16:
      return compute<Plain<uint16_t>>(operation, span);
    case Type::i32:
      return compute<Plain<int32_t>>(operation, span);
    case Type::u32:
      return compute<Plain<uint32_t>>(operation, span);
    case Type::i64:
      return compute<Plain<int64_t>>(operation, span);
    case Type::u64:
      return compute<Plain<uint64_t>>(operation, span);
    case Type::boolean:
      return;
  }
}

/// A lane to read from, and which of its operands.
struct Origin {
  uint32_t lane;
  uint32_t operand = 0;
};

/// Where `lane` gets its value from. A lane beyond the simdgroup is no lane.
Origin find_origin(Operation operation, const Span& span, uint32_t lane) {
  const ThreadState& thread = span.lanes[lane];
  const auto amount = uint32_t(uint16_t(thread.operands[1]));
  const uint32_t nowhere = kSimdgroupSize;
  switch (operation) {
    case Operation::broadcast:
    case Operation::shuffle:
      return {amount};
    case Operation::broadcast_first:
      return {span.first()};
    case Operation::shuffle_up:
      return {amount <= lane ? lane - amount : lane};
    case Operation::shuffle_down:
      return {lane + amount < span.width ? lane + amount : lane};
    case Operation::shuffle_xor:
      return {lane ^ amount};
    case Operation::rotate_up:
      return {(lane + span.width - amount % span.width) % span.width};
    case Operation::rotate_down:
      return {(lane + amount) % span.width};
    default:
      break;
  }
  // Fills: the amount is the third operand, the length of a group the fourth.
  const auto delta = uint32_t(uint16_t(thread.operands[2]));
  const auto group = uint32_t(uint16_t(thread.operands[3]));
  if (group == 0 || group > span.width || delta > group) return {nowhere};
  const uint32_t start = lane / group * group, position = lane - start;
  if (operation == Operation::fill_up) {
    return position >= delta ? Origin{lane - delta} : Origin{lane + group - delta, 1};
  }
  return position + delta < group ? Origin{lane + delta} : Origin{lane + delta - group, 1};
}

/// Metal leaves a value from an inactive lane undefined; here it is 0, always.
void move_values(Operation operation, const Span& span) {
  for (uint32_t lane = 0; lane < span.size; ++lane) {
    if (!span.has(lane)) continue;
    const Origin origin = find_origin(operation, span, lane);
    const bool there = origin.lane < span.width && span.has(origin.lane);
    span.lanes[lane].result = there ? span.lanes[origin.lane].operands[origin.operand] : 0;
  }
}

uint32_t vote(const Span& span) {
  uint32_t votes = 0;
  for (uint32_t lane = 0; lane < span.size; ++lane) {
    if (span.has(lane) && (span.lanes[lane].operands[0] & 1)) votes |= 1u << lane;
  }
  return votes;
}

void answer(Operation operation, const Span& span) {
  const uint32_t votes = vote(span);
  for (uint32_t lane = 0; lane < span.size; ++lane) {
    if (!span.has(lane)) continue;
    uint64_t& result = span.lanes[lane].result;
    switch (operation) {
      case Operation::all:
        result = votes == span.active;
        break;
      case Operation::any:
        result = votes != 0;
        break;
      case Operation::ballot:
        result = votes;
        break;
      case Operation::active_mask:
        result = span.active;
        break;
      default:
        result = lane == span.first();
        break;
    }
  }
}

void perform(Operation operation, builtins::Type type, const Span& span) {
  if (span.active == 0 || operation <= Operation::lockstep) return;
  if (operation <= Operation::prefix_exclusive_product) return compute(operation, type, span);
  if (operation <= Operation::fill_down) return move_values(operation, span);
  if (operation <= Operation::is_first) return answer(operation, span);
  multiply_matrices(span.lanes, span.size, span.active);
}

}  // namespace

std::optional<Meeting> find_meeting(std::string_view name) {
  if (name == "threadgroup_barrier") return Meeting{Operation::threadgroup_barrier, false};
  if (name == "simdgroup_barrier") return Meeting{Operation::simdgroup_barrier, false};
  if (name == "quadgroup_barrier") return Meeting{Operation::quadgroup_barrier, true};
  if (name == "simdgroup_multiply_accumulate")
    return Meeting{Operation::multiply_accumulate, false};
  const bool quad = name.starts_with("quad_");
  if (!quad && !name.starts_with("simd_")) return std::nullopt;
  name.remove_prefix(5);
  for (const NamedOperation& named : kOperations) {
    if (named.name == name) return Meeting{named.operation, quad};
  }
  return std::nullopt;
}

void perform(const MeetingSite& site, const Lanes& lanes) {
  const Meeting meeting = decode(site.operation);
  const auto type = builtins::Type(site.type);
  if (!meeting.of_quadgroup) {
    return perform(meeting.operation, type,
                   {lanes.lanes, lanes.count, kSimdgroupSize, lanes.active});
  }
  for (uint32_t start = 0; start < lanes.count; start += kQuadgroupSize) {
    const uint32_t size = std::min(kQuadgroupSize, lanes.count - start);
    perform(meeting.operation, type,
            {lanes.lanes + start, size, kQuadgroupSize, lanes.active >> start & 15u});
  }
}

}  // namespace anymetal::backend::reference
