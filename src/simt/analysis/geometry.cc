#include "simt/analysis/geometry.h"

#include <bit>

namespace anymetal::simt {
namespace {

unsigned trailing_zeros(uint64_t value) {
  return value == 0 ? 63 : unsigned(std::countr_zero(value));
}

std::optional<int> find_axis(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() != prefix.size() + 2) return std::nullopt;
  return name.back() - 'x';
}

/// Of thread_position_in_threadgroup. The last axis has no modulus: nothing lies beyond it.
PositionRule axis_rule(int axis, const Geometry& geometry) {
  PositionRule rule;
  for (int before = 0; before < axis; ++before) rule.divisor *= geometry.size[before];
  bool is_last = true;
  for (int behind = axis + 1; behind < 3; ++behind) is_last &= geometry.size[behind] == 1;
  rule.modulus = is_last ? 0 : geometry.size[axis];
  if (geometry.size[axis] == 1) rule.modulus = 1;
  return rule;
}

}  // namespace

std::optional<PositionRule> find_position_rule(std::string_view name, const Geometry& geometry) {
  if (const auto axis = find_axis(name, "thread_position_in_threadgroup")) {
    PositionRule rule = axis_rule(*axis, geometry);
    if (*axis == 0 && geometry.threadgroups > 1) rule.modulus = geometry.length();
    return rule;
  }
  if (name == "threadgroup_position_together")
    return PositionRule{geometry.length(), geometry.threadgroups, -1};
  if (const auto axis = find_axis(name, "thread_position_in_grid")) {
    PositionRule rule = axis_rule(*axis, geometry);
    rule.grid_axis = *axis;
    return rule;
  }
  if (name == "thread_index_in_threadgroup") return PositionRule{};
  if (name == "thread_index_in_simdgroup") return PositionRule{1, kSimdgroupSize, -1};
  if (name == "simdgroup_index_in_threadgroup") return PositionRule{kSimdgroupSize, 0, -1};
  if (name == "thread_index_in_quadgroup") return PositionRule{1, 4, -1};
  if (name == "quadgroup_index_in_threadgroup") return PositionRule{4, 0, -1};
  return std::nullopt;
}

Shape position_shape(const PositionRule& rule, const Geometry& geometry) {
  if (rule.modulus == 1) return Shape::uniform();
  const unsigned chunk = geometry.chunk;
  const uint32_t step = geometry.threads_of_step();
  // Constant in a step; a partial simdgroup's lanes beyond the end don't matter.
  if (rule.divisor % step == 0 && geometry.steps() > 1) return Shape::uniform();
  if (geometry.steps() == 1 && rule.divisor >= step) return Shape::uniform();
  // The chunk's first index is a multiple of its lanes.
  Offsets offsets(chunk);
  unsigned zeros = 0;
  if (rule.divisor % chunk == 0) {
    // One value for the chunk, whatever the modulus.
    zeros = 0;
  } else if (chunk % rule.divisor == 0) {
    const uint32_t span = chunk / rule.divisor;  // values in a chunk; the first is a multiple of it
    if (rule.modulus != 0 && rule.modulus % span != 0 && span % rule.modulus != 0)
      return Shape::varying();
    for (unsigned lane = 0; lane < chunk; ++lane) {
      offsets[lane] = lane / rule.divisor;
      if (rule.modulus != 0 && span % rule.modulus == 0) offsets[lane] %= rule.modulus;
    }
    zeros = trailing_zeros(span);
    if (rule.modulus != 0 && span % rule.modulus == 0) zeros = 63;  // lane 0 has 0
  } else {
    return Shape::varying();
  }
  if (rule.grid_axis >= 0)
    zeros = std::min(zeros, trailing_zeros(geometry.dispatch_size[rule.grid_axis]));
  // Chunks stand in the same order in all steps, if steps begin where positions do.
  const uint64_t round = uint64_t{rule.modulus} * rule.divisor;
  const bool repeats =
      step % rule.divisor == 0 && (rule.modulus == 0 || round % step == 0 || step % round == 0);
  Offsets chunks;
  for (unsigned i = 0; i < geometry.chunks() && (repeats || geometry.steps() == 1); ++i) {
    const uint32_t position = i * chunk / rule.divisor;
    chunks.push_back(rule.modulus == 0 ? position : position % rule.modulus);
  }
  return Shape::pattern(std::move(offsets), zeros, std::move(chunks));
}

}  // namespace anymetal::simt
