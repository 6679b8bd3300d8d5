#include "measure/outputs.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace anymetal::measure {
namespace {

float from_half(uint16_t bits) {
  _Float16 value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<float>(value);
}

float from_bfloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

float same(float value) {
  return value;
}

/// What sums in another order may be off by, relative to the largest value.
constexpr double kFloatTolerance = 1e-5;
constexpr double kHalfTolerance = 0x1p-8;
constexpr double kBfloatTolerance = 0x1p-5;

template <class Stored, float (*decode)(Stored)>
void compare_floats(const Outputs::Output& first, const Outputs::Output& other, double tolerance,
                    Difference& difference) {
  const size_t count = first.bytes.size() / sizeof(Stored);
  const auto at = [](const Outputs::Output& output, size_t i) {
    Stored stored;
    std::memcpy(&stored, output.bytes.data() + i * sizeof stored, sizeof stored);
    return decode(stored);
  };
  float scale = 0;
  for (size_t i = 0; i < count; ++i) {
    const float value = std::abs(at(first, i));
    if (std::isfinite(value) && value > scale) scale = value;
  }
  if (scale == 0) scale = 1;
  for (size_t i = 0; i < count; ++i) {
    const float a = at(first, i), b = at(other, i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (difference.elements++ == 0)
      difference.where = fmt::format("{}[{}]: {} instead of {}", first.name, i, b, a);
    double off = std::abs(double{a} - double{b}) / double{scale};
    if (!std::isfinite(off)) off = std::numeric_limits<double>::infinity();
    difference.largest = std::max(difference.largest, off);
    difference.excess = std::max(difference.excess, off / tolerance);
  }
}

void compare_bytes(const Outputs::Output& first, const Outputs::Output& other,
                   Difference& difference) {
  if (first.bytes == other.bytes) return;
  size_t i = 0;
  while (first.bytes[i] == other.bytes[i]) ++i;
  if (difference.elements++ == 0)
    difference.where = fmt::format("{}: differs from byte {} on", first.name, i);
  difference.is_exact_kind = true;
}

}  // namespace

std::shared_ptr<Outputs> copy_outputs(const KernelInterface& interface,
                                      std::span<const runtime::Argument> buffers) {
  auto outputs = std::make_shared<Outputs>();
  for (const Parameter& p : interface.parameters) {
    if (p.kind != ParameterKind::buffer || p.is_const || p.index >= buffers.size()) continue;
    const runtime::Argument& argument = buffers[p.index];
    outputs->list.push_back(
        {p.name, p.element, std::string(static_cast<const char*>(argument.data), argument.size)});
  }
  return outputs;
}

Difference compare(const Outputs& first, const Outputs& other) {
  Difference difference;
  if (first.list.size() != other.list.size()) difference.same_layout = false;
  for (size_t i = 0; difference.same_layout && i < first.list.size(); ++i) {
    const auto &a = first.list[i], &b = other.list[i];
    if (a.name != b.name || a.bytes.size() != b.bytes.size()) {
      difference.same_layout = false;
    } else if (a.element == "float") {
      compare_floats<float, same>(a, b, kFloatTolerance, difference);
    } else if (a.element == "half") {
      compare_floats<uint16_t, from_half>(a, b, kHalfTolerance, difference);
    } else if (a.element == "bfloat") {
      compare_floats<uint16_t, from_bfloat>(a, b, kBfloatTolerance, difference);
    } else {
      compare_bytes(a, b, difference);
    }
  }
  return difference;
}

}  // namespace anymetal::measure
