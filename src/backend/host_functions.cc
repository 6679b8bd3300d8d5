#include "backend/host_functions.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "backend/narrow_floats.h"

namespace anymetal::backend {
namespace {

/// What Clang's code for narrow floats calls on machines without instructions for them; the types
/// make sure that values travel in the registers that it expects.
_Float16 truncate_to_half(float value) {
  return std::bit_cast<_Float16>(half_bits(value));
}
_Float16 truncate_double_to_half(double value) {
  return std::bit_cast<_Float16>(half_bits(value));
}
float extend_half(_Float16 value) {
  return half_value(std::bit_cast<uint16_t>(value));
}
double extend_half_to_double(_Float16 value) {
  return half_value(std::bit_cast<uint16_t>(value));
}
__bf16 truncate_to_bfloat(float value) {
  return std::bit_cast<__bf16>(bfloat_bits(value));
}
__bf16 truncate_double_to_bfloat(double value) {
  return std::bit_cast<__bf16>(bfloat_bits(value));
}

template <class Function>
void* address(Function* function) {
  return reinterpret_cast<void*>(function);
}

void add_compiler_functions(RuntimeSymbols& symbols) {
  symbols.emplace_back("memcpy", address(&std::memcpy));
  symbols.emplace_back("memmove", address(&std::memmove));
  symbols.emplace_back("memset", address(&std::memset));
  symbols.emplace_back("__truncsfhf2", address(&truncate_to_half));
  symbols.emplace_back("__gnu_f2h_ieee", address(&truncate_to_half));
  symbols.emplace_back("__truncdfhf2", address(&truncate_double_to_half));
  symbols.emplace_back("__extendhfsf2", address(&extend_half));
  symbols.emplace_back("__gnu_h2f_ieee", address(&extend_half));
  symbols.emplace_back("__extendhfdf2", address(&extend_half_to_double));
  symbols.emplace_back("__truncsfbf2", address(&truncate_to_bfloat));
  symbols.emplace_back("__truncdfbf2", address(&truncate_double_to_bfloat));
}

template <class T>
using Unary = T (*)(T);
template <class T>
using Binary = T (*)(T, T);

/// LLVM makes calls of these from its own intrinsics where the machine has no instruction.
void add_library_functions(RuntimeSymbols& symbols) {
  const std::pair<const char*, std::pair<Unary<float>, Unary<double>>> unary[] = {
      {"floor", {std::floor, std::floor}}, {"ceil", {std::ceil, std::ceil}},
      {"trunc", {std::trunc, std::trunc}}, {"rint", {std::rint, std::rint}},
      {"round", {std::round, std::round}}, {"nearbyint", {std::nearbyint, std::nearbyint}},
      {"sqrt", {std::sqrt, std::sqrt}},    {"exp", {std::exp, std::exp}},
      {"exp2", {std::exp2, std::exp2}},    {"log", {std::log, std::log}},
      {"log2", {std::log2, std::log2}},    {"log10", {std::log10, std::log10}},
      {"sin", {std::sin, std::sin}},       {"cos", {std::cos, std::cos}},
      {"tan", {std::tan, std::tan}},       {"roundeven", {std::nearbyint, std::nearbyint}},
  };
  for (const auto& [name, functions] : unary) {
    symbols.emplace_back(std::string(name) + "f", address(functions.first));
    symbols.emplace_back(name, address(functions.second));
  }
  const std::pair<const char*, std::pair<Binary<float>, Binary<double>>> binary[] = {
      {"fmod", {std::fmod, std::fmod}},
      {"fmin", {std::fmin, std::fmin}},
      {"fmax", {std::fmax, std::fmax}},
      {"pow", {std::pow, std::pow}},
      {"copysign", {std::copysign, std::copysign}},
  };
  for (const auto& [name, functions] : binary) {
    symbols.emplace_back(std::string(name) + "f", address(functions.first));
    symbols.emplace_back(name, address(functions.second));
  }
  symbols.emplace_back("fmaf", address(static_cast<float (*)(float, float, float)>(std::fma)));
  symbols.emplace_back("fma", address(static_cast<double (*)(double, double, double)>(std::fma)));
  symbols.emplace_back("ldexpf", address(static_cast<float (*)(float, int)>(std::ldexp)));
  symbols.emplace_back("ldexp", address(static_cast<double (*)(double, int)>(std::ldexp)));
}

}  // namespace

void add_host_functions(RuntimeSymbols& symbols) {
  add_compiler_functions(symbols);
  add_library_functions(symbols);
}

}  // namespace anymetal::backend
