#include "inputs.h"

#include <bit>
#include <cmath>
#include <numbers>
#include <random>

namespace anymetal::accuracy {
namespace {

// Where something happens: ends of the range, overflow and underflow of exponentials (natural, to
// base 2 and 10, hyperbolic, in half and float), multiples of pi/4, domains, and where an integer
// has no fraction any more.
constexpr double kTurningPoints[] = {0x1p-149,
                                     0x1p-133,
                                     0x1p-126,
                                     0x1p-25,
                                     0x1p-24,
                                     0x1p-14,
                                     0x1p-12,
                                     0.25,
                                     0.5,
                                     std::numbers::ln2,
                                     std::numbers::pi / 4,
                                     1.0,
                                     1.25,
                                     1.5,
                                     std::numbers::pi / 2,
                                     2.0,
                                     std::numbers::e,
                                     3.0,
                                     std::numbers::pi,
                                     4.0,
                                     4.5,
                                     5.5,
                                     2 * std::numbers::pi,
                                     8.0,
                                     9.01,
                                     10.0,
                                     10.3,
                                     11.09,
                                     12.0,
                                     15.99,
                                     16.64,
                                     17.33,
                                     24.0,
                                     25.0,
                                     37.9,
                                     38.53,
                                     44.85,
                                     45.15,
                                     87.34,
                                     88.72,
                                     89.41,
                                     100.0,
                                     103.28,
                                     103.97,
                                     126.0,
                                     127.0,
                                     128.0,
                                     149.0,
                                     150.0,
                                     710.0,
                                     1024.0,
                                     65504.0,
                                     0x1p22,
                                     0x1p23,
                                     0x1p24,
                                     0x1p31,
                                     0x1p32,
                                     0x1p63,
                                     0x1p127,
                                     0x1.fffffep127};

/// Small numbers, halves and thirds, the ends of the range, and what isn't a number: each meets
/// each.
constexpr double kSpecial[] = {0.0,
                               0x1p-149,
                               0x1.8p-148,
                               0x1p-133,
                               0x1.fffffcp-127,
                               0x1p-126,
                               0x1p-24,
                               0x1p-14,
                               0x1p-8,
                               1.0 / 3,
                               0.5,
                               1 - 0x1p-24,
                               1.0,
                               1 + 0x1p-23,
                               1 + 0x1p-10,
                               1.5,
                               2.0,
                               2.5,
                               3.0,
                               4.0,
                               5.0,
                               7.0,
                               10.0,
                               31.0,
                               127.0,
                               128.0,
                               150.0,
                               2047.0,
                               65504.0,
                               0x1p23 - 0.5,
                               0x1p24 - 1,
                               0x1p24,
                               0x1p24 + 2,
                               0x1p31,
                               0x1p64,
                               0x1p126,
                               0x1.fffffep127,
                               INFINITY,
                               NAN};

using Random = std::mt19937_64;

uint32_t random_pattern(const Format& format, Random& random) {
  return uint32_t(random() >> (64 - format.bits));
}

uint32_t random_between(const Format& format, double low, double high, Random& random) {
  const double unit = double(random() >> 11) * 0x1p-53;
  return encode(format, low + (high - low) * unit);
}

std::vector<Operand> all_values() {
  std::vector<Operand> out;
  out.reserve(65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) out.push_back({bits, 0, 0});
  return out;
}

std::vector<Operand> sample_of_floats(const Format& format) {
  std::vector<Operand> out;
  Random random(1);
  for (uint32_t top = 0; top < 512; ++top) {
    for (const uint32_t fraction : {0u, 1u, 2u, 0x3fffffu, 0x400000u, 0x7ffffeu, 0x7fffffu})
      out.push_back({top << 23 | fraction, 0, 0});
    for (int i = 0; i < 16; ++i) out.push_back({top << 23 | uint32_t(random() & 0x7fffff), 0, 0});
  }
  for (const double point : kTurningPoints) {
    const uint32_t bits = encode(format, point);
    for (uint32_t offset = 0; offset < 64; ++offset) {
      out.push_back({bits + offset - 32, 0, 0});
      out.push_back({(bits + offset - 32) ^ 0x80000000u, 0, 0});
    }
  }
  for (int i = 0; i < 6000; ++i) {
    out.push_back({random_between(format, -1, 1, random), 0, 0});
    out.push_back({random_between(format, -20, 20, random), 0, 0});
    out.push_back({random_between(format, -110, 110, random), 0, 0});
  }
  return out;
}

std::vector<uint32_t> specials(const Format& format) {
  std::vector<uint32_t> out;
  for (const double value : kSpecial) {
    out.push_back(encode(format, value));
    out.push_back(encode(format, -value));
  }
  return out;
}

std::vector<Operand> sample_of_pairs(const Format& format) {
  std::vector<Operand> out;
  Random random(2);
  for (const uint32_t x : specials(format)) {
    for (const uint32_t y : specials(format)) out.push_back({x, y, 0});
  }
  for (int i = 0; i < 8000; ++i) {
    const uint32_t x = random_pattern(format, random);
    out.push_back({x, random_pattern(format, random), 0});
    // Near each other, where differences cancel and quotients are near 1.
    out.push_back({x, x + uint32_t(random() % 33) - 16, 0});
    out.push_back(
        {random_between(format, 0, 20, random), random_between(format, -9, 9, random), 0});
    out.push_back(
        {random_between(format, 0.9, 1.1, random), random_between(format, -800, 800, random), 0});
  }
  return out;
}

std::vector<Operand> sample_of_scales(const Format& format) {
  std::vector<Operand> out;
  Random random(3);
  for (const uint32_t x : specials(format)) {
    for (int k = -310; k <= 310; k += 5) out.push_back({x, encode(format, k), 0});
  }
  for (int i = 0; i < 20000; ++i) {
    const auto k = double(int64_t(random() % 621) - 310);
    out.push_back({random_pattern(format, random), encode(format, k), 0});
  }
  return out;
}

/// Triples whose product nearly cancels the third are the hard ones of fma, and those whose third
/// is a tiny push off a tie of the product.
std::vector<Operand> sample_of_triples(const Format& format) {
  std::vector<Operand> out;
  Random random(4);
  const auto special = specials(format);
  for (size_t i = 0; i < special.size(); i += 2) {
    for (const uint32_t y : special) {
      for (size_t k = 0; k < special.size(); k += 3) out.push_back({special[i], y, special[k]});
    }
  }
  for (int i = 0; i < 12000; ++i) {
    const uint32_t x = random_pattern(format, random), y = random_pattern(format, random);
    out.push_back({x, y, random_pattern(format, random)});
    const double product = decode(format, x) * decode(format, y);
    out.push_back({x, y, encode(format, -product)});
    out.push_back({x, y, encode(format, product * std::ldexp(1.0, int(random() % 60) - 50))});
    const uint32_t a = random_between(format, -4, 4, random);
    out.push_back({a, random_between(format, -4, 4, random),
                   encode(format, std::ldexp(1.0 + double(random() % 8), -int(random() % 40)))});
  }
  return out;
}

}  // namespace

std::vector<Operand> sample(const Format& format, const Function& function) {
  if (function.operands == Operands::scale) return sample_of_scales(format);
  if (function.arity == 1) return format.bits == 16 ? all_values() : sample_of_floats(format);
  return function.arity == 2 ? sample_of_pairs(format) : sample_of_triples(format);
}

}  // namespace anymetal::accuracy
