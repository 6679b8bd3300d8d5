// The rows of the builtin table, and nothing else: what each builtin means stands here once.
// Everything that has an exact LLVM instruction or intrinsic (fma, sqrt, floor, popcount, min, ...)
// has no row: the embedded standard library writes it with Clang's builtins, so that optimisers
// know what it is.
//
// Sections in `doc` are those of the Metal Shading Language Specification, version 3.2.
#include "builtins/builtins.h"

namespace anymetal::builtins {
namespace {

constexpr TypeSet set(std::initializer_list<Type> types) {
  TypeSet out = 0;
  for (Type type : types) out = static_cast<TypeSet>(out | static_cast<TypeSet>(type));
  return out;
}

constexpr TypeSet kNoType = 0;
constexpr TypeSet kFloat = set({Type::f32});
constexpr TypeSet kFloating = set({Type::f32, Type::f16, Type::bf16});
constexpr TypeSet kIntegral =
    set({Type::i8, Type::u8, Type::i16, Type::u16, Type::i32, Type::u32, Type::i64, Type::u64});
constexpr TypeSet kNumeric = kFloating | kIntegral;
constexpr TypeSet kEvery = kNumeric | set({Type::boolean});
constexpr TypeSet kLong = set({Type::i64, Type::u64});

constexpr Builtin position(std::string_view name, Uniformity uniformity, std::string_view metal,
                           std::string_view doc) {
  return {name, "u32()", kNoType, Group::position, uniformity, Memory::none, false, metal, doc};
}
constexpr Builtin barrier(std::string_view name, std::string_view signature, bool convergent,
                          std::string_view metal, std::string_view doc) {
  return {name,       signature, kNoType, Group::barrier, Uniformity::operands, Memory::fence,
          convergent, metal,     doc};
}
constexpr Builtin simdgroup(std::string_view name, std::string_view signature, TypeSet types,
                            Uniformity uniformity, std::string_view metal, std::string_view doc) {
  return {name, signature, types, Group::simdgroup, uniformity, Memory::none, true, metal, doc};
}
constexpr Builtin quadgroup(std::string_view name, std::string_view signature, TypeSet types,
                            std::string_view metal, std::string_view doc) {
  return {name, signature, types, Group::quadgroup, Uniformity::varying, Memory::none,
          true, metal,     doc};
}
constexpr Builtin math(std::string_view name, std::string_view signature, std::string_view metal,
                       std::string_view doc) {
  return {name,         signature, kFloating, Group::math, Uniformity::operands,
          Memory::none, false,     metal,     doc};
}
constexpr Builtin fast(std::string_view name, std::string_view signature, std::string_view metal,
                       std::string_view doc) {
  return {name,         signature, kFloat, Group::math, Uniformity::operands,
          Memory::none, false,     metal,  doc};
}

constexpr Builtin texture(std::string_view name, std::string_view signature, std::string_view metal,
                          std::string_view doc) {
  return {name,  signature, kNoType, Group::texture, Uniformity::operands, Memory::texture,
          false, metal,     doc};
}

constexpr Uniformity kVarying = Uniformity::varying;
constexpr Uniformity kSimdgroup = Uniformity::simdgroup;
constexpr Uniformity kThreadgroup = Uniformity::threadgroup;
constexpr Uniformity kGrid = Uniformity::grid;

// `threads_per_threadgroup` is the size that this threadgroup really has (smaller at the edge of
// the grid), the `dispatch_` forms are what the dispatch asked for (5.2.3.6).
constexpr Builtin kRows[] = {
    position("thread_position_in_grid.x", kVarying, "[[thread_position_in_grid]]",
             "Position of the thread in the grid, first component (5.2.3.6)"),
    position("thread_position_in_grid.y", kVarying, "[[thread_position_in_grid]]",
             "The same, second component"),
    position("thread_position_in_grid.z", kVarying, "[[thread_position_in_grid]]",
             "The same, third component"),
    position("thread_position_in_threadgroup.x", kVarying, "[[thread_position_in_threadgroup]]",
             "Position of the thread in its threadgroup, first component (5.2.3.6)"),
    position("thread_position_in_threadgroup.y", kVarying, "[[thread_position_in_threadgroup]]",
             "The same, second component"),
    position("thread_position_in_threadgroup.z", kVarying, "[[thread_position_in_threadgroup]]",
             "The same, third component"),
    position("threadgroup_position_in_grid.x", kThreadgroup, "[[threadgroup_position_in_grid]]",
             "Position of the threadgroup among the threadgroups, first component (5.2.3.6)"),
    position("threadgroup_position_in_grid.y", kThreadgroup, "[[threadgroup_position_in_grid]]",
             "The same, second component"),
    position("threadgroup_position_in_grid.z", kThreadgroup, "[[threadgroup_position_in_grid]]",
             "The same, third component"),
    position("threads_per_grid.x", kGrid, "[[threads_per_grid]]",
             "Number of threads of the grid, first component (5.2.3.6)"),
    position("threads_per_grid.y", kGrid, "[[threads_per_grid]]", "The same, second component"),
    position("threads_per_grid.z", kGrid, "[[threads_per_grid]]", "The same, third component"),
    position(
        "threads_per_threadgroup.x", kThreadgroup, "[[threads_per_threadgroup]]",
        "Number of threads of this threadgroup, fewer at the edge of the grid, first component"),
    position("threads_per_threadgroup.y", kThreadgroup, "[[threads_per_threadgroup]]",
             "The same, second component"),
    position("threads_per_threadgroup.z", kThreadgroup, "[[threads_per_threadgroup]]",
             "The same, third component"),
    position("threadgroups_per_grid.x", kGrid, "[[threadgroups_per_grid]]",
             "Number of threadgroups of the grid, first component (5.2.3.6)"),
    position("threadgroups_per_grid.y", kGrid, "[[threadgroups_per_grid]]",
             "The same, second component"),
    position("threadgroups_per_grid.z", kGrid, "[[threadgroups_per_grid]]",
             "The same, third component"),
    position("dispatch_threads_per_threadgroup.x", kGrid, "[[dispatch_threads_per_threadgroup]]",
             "Number of threads of a threadgroup as the dispatch gave it, first component"),
    position("dispatch_threads_per_threadgroup.y", kGrid, "[[dispatch_threads_per_threadgroup]]",
             "The same, second component"),
    position("dispatch_threads_per_threadgroup.z", kGrid, "[[dispatch_threads_per_threadgroup]]",
             "The same, third component"),
    position("grid_origin.x", kGrid, "[[grid_origin]]",
             "Where the grid starts, first component: 0 but for stage-in dispatches (5.2.3.6)"),
    position("grid_origin.y", kGrid, "[[grid_origin]]", "The same, second component"),
    position("grid_origin.z", kGrid, "[[grid_origin]]", "The same, third component"),
    position("grid_size.x", kGrid, "[[grid_size]]",
             "Number of threads of the grid, first component (5.2.3.6)"),
    position("grid_size.y", kGrid, "[[grid_size]]", "The same, second component"),
    position("grid_size.z", kGrid, "[[grid_size]]", "The same, third component"),
    position("thread_index_in_threadgroup", kVarying, "[[thread_index_in_threadgroup]]",
             "Linear index of the thread in its threadgroup, x fastest (5.2.3.6)"),
    position("thread_index_in_simdgroup", kVarying, "[[thread_index_in_simdgroup]]",
             "The thread's lane, 0 to 31 (5.2.3.6)"),
    position("thread_index_in_quadgroup", kVarying, "[[thread_index_in_quadgroup]]",
             "The thread's lane in its quadgroup, 0 to 3 (5.2.3.6)"),
    position("simdgroup_index_in_threadgroup", kSimdgroup, "[[simdgroup_index_in_threadgroup]]",
             "Index of the simdgroup in its threadgroup (5.2.3.6)"),
    position("quadgroup_index_in_threadgroup", kVarying, "[[quadgroup_index_in_threadgroup]]",
             "Index of the quadgroup in its threadgroup (5.2.3.6)"),
    position("simdgroups_per_threadgroup", kThreadgroup, "[[simdgroups_per_threadgroup]]",
             "Number of simdgroups of this threadgroup (5.2.3.6)"),
    position("quadgroups_per_threadgroup", kThreadgroup, "[[quadgroups_per_threadgroup]]",
             "Number of quadgroups of this threadgroup (5.2.3.6)"),
    position("dispatch_simdgroups_per_threadgroup", kGrid,
             "[[dispatch_simdgroups_per_threadgroup]]",
             "Number of simdgroups of a full threadgroup (5.2.3.6)"),
    position("dispatch_quadgroups_per_threadgroup", kGrid,
             "[[dispatch_quadgroups_per_threadgroup]]",
             "Number of quadgroups of a full threadgroup (5.2.3.6)"),
    position("threads_per_simdgroup", kGrid, "[[threads_per_simdgroup]]",
             "Number of threads of a simdgroup: 32 (5.2.3.6)"),
    position("thread_execution_width", kGrid, "[[thread_execution_width]]",
             "The same, under its older name (5.2.3.6)"),

    barrier("threadgroup_barrier", "void(u32)", true, "threadgroup_barrier(mem_flags flags)",
            "All threads of the threadgroup reach it before one goes on; flags: 1 device, 2 "
            "threadgroup, "
            "4 texture (6.9.1)"),
    barrier(
        "simdgroup_barrier", "void(u32)", true, "simdgroup_barrier(mem_flags flags)",
        "All active threads of the simdgroup reach it before one goes on; flags as above (6.9.1)"),
    barrier("quadgroup_barrier", "void(u32)", true, "quadgroup_barrier(mem_flags flags)",
            "All active threads of the quadgroup reach it before one goes on; flags as above"),
    barrier(
        "atomic_thread_fence", "void(u32, u32, u32)", false,
        "atomic_thread_fence(mem_flags flags, memory_order order, thread_scope scope)",
        "Orders this thread's accesses: flags as above; order: 0 relaxed, 2 acquire, 3 release, "
        "4 acq_rel, 5 seq_cst; scope: 0 thread, 1 simdgroup, 2 threadgroup, 3 device (6.15.3)"),

    simdgroup("simd_sum", "T(T)", kNumeric, kSimdgroup, "simd_sum(T x)",
              "Sum over the active lanes, integers modulo 2^n (6.9.2)"),
    simdgroup("simd_product", "T(T)", kNumeric, kSimdgroup, "simd_product(T x)",
              "Product over the active lanes (6.9.2)"),
    simdgroup("simd_min", "T(T)", kNumeric, kSimdgroup, "simd_min(T x)",
              "Least value of the active lanes; a NaN counts only if all are NaN (6.9.2)"),
    simdgroup("simd_max", "T(T)", kNumeric, kSimdgroup, "simd_max(T x)",
              "Greatest value of the active lanes; a NaN counts only if all are NaN (6.9.2)"),
    simdgroup("simd_and", "T(T)", kIntegral, kSimdgroup, "simd_and(T x)",
              "Bitwise and over the active lanes (6.9.2)"),
    simdgroup("simd_or", "T(T)", kIntegral, kSimdgroup, "simd_or(T x)",
              "Bitwise or over the active lanes (6.9.2)"),
    simdgroup("simd_xor", "T(T)", kIntegral, kSimdgroup, "simd_xor(T x)",
              "Bitwise exclusive or over the active lanes (6.9.2)"),
    simdgroup("simd_prefix_inclusive_sum", "T(T)", kNumeric, kVarying,
              "simd_prefix_inclusive_sum(T x)", "Sum over the active lanes up to this one (6.9.2)"),
    simdgroup("simd_prefix_exclusive_sum", "T(T)", kNumeric, kVarying,
              "simd_prefix_exclusive_sum(T x)",
              "Sum over the active lanes before this one; 0 in the first (6.9.2)"),
    simdgroup("simd_prefix_inclusive_product", "T(T)", kNumeric, kVarying,
              "simd_prefix_inclusive_product(T x)",
              "Product over the active lanes up to this one (6.9.2)"),
    simdgroup("simd_prefix_exclusive_product", "T(T)", kNumeric, kVarying,
              "simd_prefix_exclusive_product(T x)",
              "Product over the active lanes before this one; 1 in the first (6.9.2)"),
    simdgroup("simd_broadcast", "T(T, u16)", kEvery, kSimdgroup, "simd_broadcast(T x, ushort lane)",
              "x of the given lane, which is the same in all active lanes (6.9.2)"),
    simdgroup("simd_broadcast_first", "T(T)", kEvery, kSimdgroup, "simd_broadcast_first(T x)",
              "x of the first active lane (6.9.2)"),
    simdgroup("simd_shuffle", "T(T, u16)", kEvery, kVarying, "simd_shuffle(T x, ushort lane)",
              "x of the given lane (6.9.2)"),
    simdgroup("simd_shuffle_up", "T(T, u16)", kEvery, kVarying,
              "simd_shuffle_up(T x, ushort delta)",
              "x of lane - delta; the lower delta lanes keep their own (6.9.2)"),
    simdgroup("simd_shuffle_down", "T(T, u16)", kEvery, kVarying,
              "simd_shuffle_down(T x, ushort delta)",
              "x of lane + delta; the upper delta lanes keep their own (6.9.2)"),
    simdgroup("simd_shuffle_xor", "T(T, u16)", kEvery, kVarying,
              "simd_shuffle_xor(T x, ushort mask)", "x of lane ^ mask (6.9.2)"),
    simdgroup("simd_shuffle_rotate_up", "T(T, u16)", kEvery, kVarying,
              "simd_shuffle_rotate_up(T x, ushort delta)",
              "x of (lane - delta) modulo the simdgroup's size (6.9.2)"),
    simdgroup("simd_shuffle_rotate_down", "T(T, u16)", kEvery, kVarying,
              "simd_shuffle_rotate_down(T x, ushort delta)",
              "x of (lane + delta) modulo the simdgroup's size (6.9.2)"),
    simdgroup(
        "simd_shuffle_and_fill_up", "T(T, T, u16, u16)", kEvery, kVarying,
        "simd_shuffle_and_fill_up(T x, T fill, ushort delta, ushort modulo)",
        "In each group of modulo lanes: x of lane - delta; the lower delta lanes take fill of "
        "lane - delta + modulo (6.9.2)"),
    simdgroup(
        "simd_shuffle_and_fill_down", "T(T, T, u16, u16)", kEvery, kVarying,
        "simd_shuffle_and_fill_down(T x, T fill, ushort delta, ushort modulo)",
        "In each group of modulo lanes: x of lane + delta; the upper delta lanes take fill of "
        "lane + delta - modulo (6.9.2)"),
    simdgroup("simd_all", "bool(bool)", kNoType, kSimdgroup, "simd_all(bool x)",
              "Whether x holds in all active lanes (6.9.2)"),
    simdgroup("simd_any", "bool(bool)", kNoType, kSimdgroup, "simd_any(bool x)",
              "Whether x holds in an active lane (6.9.2)"),
    simdgroup("simd_ballot", "u64(bool)", kNoType, kSimdgroup, "simd_ballot(bool x)",
              "Bit i: lane i is active and its x holds (6.9.2)"),
    simdgroup("simd_active_threads_mask", "u64()", kNoType, kSimdgroup,
              "simd_active_threads_mask()", "Bit i: lane i is active (6.9.2)"),
    simdgroup("simd_is_first", "bool()", kNoType, kVarying, "simd_is_first()",
              "Whether this is the first active lane (6.9.2)"),

    simdgroup("simdgroup_multiply_accumulate", "v2f32(v2f32, v2f32, v2f32)", kNoType, kVarying,
              "simdgroup_multiply_accumulate(d, a, b, c)",
              "a times b plus c for 8x8 matrices of which each lane holds two neighbours of a row; "
              "each element is fma(a[row][k], b[k][column], sum) for k from 0 to 7, begun with c "
              "(6.9.4)"),

    quadgroup("quad_sum", "T(T)", kNumeric, "quad_sum(T x)",
              "Sum over the active lanes of the quadgroup (6.9.3)"),
    quadgroup("quad_product", "T(T)", kNumeric, "quad_product(T x)", "Product over them (6.9.3)"),
    quadgroup("quad_min", "T(T)", kNumeric, "quad_min(T x)", "Least value, as simd_min (6.9.3)"),
    quadgroup("quad_max", "T(T)", kNumeric, "quad_max(T x)", "Greatest value, as simd_max (6.9.3)"),
    quadgroup("quad_and", "T(T)", kIntegral, "quad_and(T x)", "Bitwise and (6.9.3)"),
    quadgroup("quad_or", "T(T)", kIntegral, "quad_or(T x)", "Bitwise or (6.9.3)"),
    quadgroup("quad_xor", "T(T)", kIntegral, "quad_xor(T x)", "Bitwise exclusive or (6.9.3)"),
    quadgroup("quad_prefix_inclusive_sum", "T(T)", kNumeric, "quad_prefix_inclusive_sum(T x)",
              "Sum over the active lanes up to this one (6.9.3)"),
    quadgroup("quad_prefix_exclusive_sum", "T(T)", kNumeric, "quad_prefix_exclusive_sum(T x)",
              "Sum over the active lanes before this one (6.9.3)"),
    quadgroup("quad_prefix_inclusive_product", "T(T)", kNumeric,
              "quad_prefix_inclusive_product(T x)",
              "Product over the active lanes up to this one (6.9.3)"),
    quadgroup("quad_prefix_exclusive_product", "T(T)", kNumeric,
              "quad_prefix_exclusive_product(T x)",
              "Product over the active lanes before this one (6.9.3)"),
    quadgroup("quad_broadcast", "T(T, u16)", kEvery, "quad_broadcast(T x, ushort lane)",
              "x of the given lane of the quadgroup (6.9.3)"),
    quadgroup("quad_broadcast_first", "T(T)", kEvery, "quad_broadcast_first(T x)",
              "x of the first active lane (6.9.3)"),
    quadgroup("quad_shuffle", "T(T, u16)", kEvery, "quad_shuffle(T x, ushort lane)",
              "x of the given lane (6.9.3)"),
    quadgroup("quad_shuffle_up", "T(T, u16)", kEvery, "quad_shuffle_up(T x, ushort delta)",
              "x of lane - delta; the lower delta lanes keep their own (6.9.3)"),
    quadgroup("quad_shuffle_down", "T(T, u16)", kEvery, "quad_shuffle_down(T x, ushort delta)",
              "x of lane + delta; the upper delta lanes keep their own (6.9.3)"),
    quadgroup("quad_shuffle_xor", "T(T, u16)", kEvery, "quad_shuffle_xor(T x, ushort mask)",
              "x of lane ^ mask (6.9.3)"),
    quadgroup("quad_shuffle_rotate_up", "T(T, u16)", kEvery,
              "quad_shuffle_rotate_up(T x, ushort delta)", "x of (lane - delta) modulo 4 (6.9.3)"),
    quadgroup("quad_shuffle_rotate_down", "T(T, u16)", kEvery,
              "quad_shuffle_rotate_down(T x, ushort delta)",
              "x of (lane + delta) modulo 4 (6.9.3)"),
    quadgroup("quad_shuffle_and_fill_up", "T(T, T, u16, u16)", kEvery,
              "quad_shuffle_and_fill_up(T x, T fill, ushort delta, ushort modulo)",
              "As simd_shuffle_and_fill_up within the quadgroup (6.9.3)"),
    quadgroup("quad_shuffle_and_fill_down", "T(T, T, u16, u16)", kEvery,
              "quad_shuffle_and_fill_down(T x, T fill, ushort delta, ushort modulo)",
              "As simd_shuffle_and_fill_down within the quadgroup (6.9.3)"),
    quadgroup("quad_all", "bool(bool)", kNoType, "quad_all(bool x)",
              "Whether x holds in all active lanes (6.9.3)"),
    quadgroup("quad_any", "bool(bool)", kNoType, "quad_any(bool x)",
              "Whether x holds in an active lane (6.9.3)"),
    quadgroup("quad_ballot", "u64(bool)", kNoType, "quad_ballot(bool x)",
              "Bit i, i < 4: lane i is active and its x holds (6.9.3)"),
    quadgroup("quad_active_threads_mask", "u64()", kNoType, "quad_active_threads_mask()",
              "Bit i, i < 4: lane i is active (6.9.3)"),
    quadgroup("quad_is_first", "bool()", kNoType, "quad_is_first()",
              "Whether this is the first active lane (6.9.3)"),

    math("exp", "T(T)", "precise::exp(T x)", "e to the x (6.5)"),
    math("exp2", "T(T)", "precise::exp2(T x)", "2 to the x (6.5)"),
    math("exp10", "T(T)", "precise::exp10(T x)", "10 to the x (6.5)"),
    math("log", "T(T)", "precise::log(T x)", "Natural logarithm (6.5)"),
    math("log2", "T(T)", "precise::log2(T x)", "Logarithm to base 2 (6.5)"),
    math("log10", "T(T)", "precise::log10(T x)", "Logarithm to base 10 (6.5)"),
    math("sin", "T(T)", "precise::sin(T x)", "Sine, for all x (6.5)"),
    math("cos", "T(T)", "precise::cos(T x)", "Cosine, for all x (6.5)"),
    math("tan", "T(T)", "precise::tan(T x)", "Tangent, for all x (6.5)"),
    math("asin", "T(T)", "precise::asin(T x)", "Arc sine (6.5)"),
    math("acos", "T(T)", "precise::acos(T x)", "Arc cosine (6.5)"),
    math("atan", "T(T)", "precise::atan(T x)", "Arc tangent (6.5)"),
    math("atan2", "T(T, T)", "precise::atan2(T y, T x)",
         "Arc tangent of y over x, with quadrant (6.5)"),
    math("sinh", "T(T)", "precise::sinh(T x)", "Hyperbolic sine (6.5)"),
    math("cosh", "T(T)", "precise::cosh(T x)", "Hyperbolic cosine (6.5)"),
    math("tanh", "T(T)", "precise::tanh(T x)", "Hyperbolic tangent (6.5)"),
    math("asinh", "T(T)", "precise::asinh(T x)", "Inverse hyperbolic sine (6.5)"),
    math("acosh", "T(T)", "precise::acosh(T x)", "Inverse hyperbolic cosine (6.5)"),
    math("atanh", "T(T)", "precise::atanh(T x)", "Inverse hyperbolic tangent (6.5)"),
    math("sinpi", "T(T)", "precise::sinpi(T x)", "Sine of pi times x (6.5)"),
    math("cospi", "T(T)", "precise::cospi(T x)", "Cosine of pi times x (6.5)"),
    math("tanpi", "T(T)", "precise::tanpi(T x)", "Tangent of pi times x (6.5)"),
    math("pow", "T(T, T)", "precise::pow(T x, T y)", "x to the y, as IEEE 754's pow (6.5)"),
    math("powr", "T(T, T)", "precise::powr(T x, T y)", "x to the y for x >= 0, else NaN (6.5)"),
    math("rsqrt", "T(T)", "precise::rsqrt(T x)", "1 over the square root (6.5)"),
    math("fmod", "T(T, T)", "fmod(T x, T y)", "Remainder of x / y with the sign of x, exact (6.5)"),
    math("ldexp", "T(T, i32)", "ldexp(T x, int k)", "x times 2^k, rounded once (6.5)"),
    math("frexp_fraction", "T(T)", "frexp(T x, int& exponent)",
         "The result of frexp: 0 or a magnitude in [0.5, 1); Inf and NaN as they are (6.5)"),
    math("frexp_exponent", "i32(T)", "frexp(T x, int& exponent)",
         "The exponent that goes with it; 0 for 0, Inf and NaN (6.5)"),
    math("ilogb", "i32(T)", "ilogb(T x)",
         "Exponent of x; -2147483648 for 0, 2147483647 for Inf and NaN (6.5)"),
    math("nextafter", "T(T, T)", "nextafter(T x, T y)", "The value next to x towards y (6.5)"),

    fast("fast_exp", "T(T)", "fast::exp(float x)", "As exp, may be less accurate (8.4)"),
    fast("fast_exp2", "T(T)", "fast::exp2(float x)", "As exp2, may be less accurate (8.4)"),
    fast("fast_exp10", "T(T)", "fast::exp10(float x)", "As exp10, may be less accurate (8.4)"),
    fast("fast_log", "T(T)", "fast::log(float x)", "As log, may be less accurate (8.4)"),
    fast("fast_log2", "T(T)", "fast::log2(float x)", "As log2, may be less accurate (8.4)"),
    fast("fast_log10", "T(T)", "fast::log10(float x)", "As log10, may be less accurate (8.4)"),
    fast("fast_sin", "T(T)", "fast::sin(float x)", "As sin, may be less accurate (8.4)"),
    fast("fast_cos", "T(T)", "fast::cos(float x)", "As cos, may be less accurate (8.4)"),
    fast("fast_tan", "T(T)", "fast::tan(float x)", "As tan, may be less accurate (8.4)"),
    fast("fast_asin", "T(T)", "fast::asin(float x)", "As asin, may be less accurate (8.4)"),
    fast("fast_acos", "T(T)", "fast::acos(float x)", "As acos, may be less accurate (8.4)"),
    fast("fast_atan", "T(T)", "fast::atan(float x)", "As atan, may be less accurate (8.4)"),
    fast("fast_atan2", "T(T, T)", "fast::atan2(float y, float x)",
         "As atan2, may be less accurate (8.4)"),
    fast("fast_sinh", "T(T)", "fast::sinh(float x)", "As sinh, may be less accurate (8.4)"),
    fast("fast_cosh", "T(T)", "fast::cosh(float x)", "As cosh, may be less accurate (8.4)"),
    fast("fast_tanh", "T(T)", "fast::tanh(float x)", "As tanh, may be less accurate (8.4)"),
    fast("fast_asinh", "T(T)", "fast::asinh(float x)", "As asinh, may be less accurate (8.4)"),
    fast("fast_acosh", "T(T)", "fast::acosh(float x)", "As acosh, may be less accurate (8.4)"),
    fast("fast_atanh", "T(T)", "fast::atanh(float x)", "As atanh, may be less accurate (8.4)"),
    fast("fast_sinpi", "T(T)", "fast::sinpi(float x)", "As sinpi, may be less accurate (8.4)"),
    fast("fast_cospi", "T(T)", "fast::cospi(float x)", "As cospi, may be less accurate (8.4)"),
    fast("fast_tanpi", "T(T)", "fast::tanpi(float x)", "As tanpi, may be less accurate (8.4)"),
    fast("fast_pow", "T(T, T)", "fast::pow(float x, float y)",
         "As pow, may be less accurate (8.4)"),
    fast("fast_powr", "T(T, T)", "fast::powr(float x, float y)",
         "As powr, may be less accurate (8.4)"),
    fast("fast_rsqrt", "T(T)", "fast::rsqrt(float x)", "As rsqrt, may be less accurate (8.4)"),

    {"mulhi", "T(T, T)", kLong, Group::integer, Uniformity::operands, Memory::none, false,
     "mulhi(long x, long y)", "Upper half of the 128-bit product (6.4)"},

    {"message", "void(ptr, ptr, u32, u32, ptr, ptr)", kNoType, Group::memory, Uniformity::operands,
     Memory::fence, false, "os_log::log(constant char* format, ...), printf(format, ...)",
     "Writes a message: format (a string literal), arguments and their number "
     "(MessageArgument of src/backend/message_format.h), level (0 default, 1 info, 2 debug, 3 "
     "error, 4 fault, 5 printf), subsystem and category of the log (6.18)"},

    texture("texture_read.f32", "v4f32(u64, u32, u32, u32, u32, u32)",
            "texture2d<float>::read(uint2 coord, uint lod)",
            "The texel at x, y, z of a slice and level; operands: texture, x, y, z, slice, level. "
            "Zeros outside (6.12)"),
    texture("texture_read.i32", "v4i32(u64, u32, u32, u32, u32, u32)",
            "texture2d<int>::read(uint2 coord, uint lod)",
            "The same for integer formats, extended by their own sign (6.12)"),
    texture("texture_write.f32", "void(u64, v4f32, u32, u32, u32, u32, u32)",
            "texture2d<float, access::write>::write(float4 color, uint2 coord, uint lod)",
            "Converts and stores a texel: texture, colour, x, y, z, slice, level. Nothing outside "
            "(6.12, 8.7)"),
    texture("texture_write.i32", "void(u64, v4i32, u32, u32, u32, u32, u32)",
            "texture2d<int, access::write>::write(int4 color, uint2 coord, uint lod)",
            "The same for integer formats, saturating (6.12, 8.7)"),
    texture("texture_sample.f32", "v4f32(u64, u64, f32, f32, f32, u32, f32, i32, i32, i32)",
            "texture2d<float>::sample(sampler s, float2 coord, level(lod), int2 offset)",
            "Texture, sampler, x, y, z, array element, level of detail, offsets in texels (6.12)"),
    texture("texture_sample.i32", "v4i32(u64, u64, f32, f32, f32, u32, f32, i32, i32, i32)",
            "texture2d<int>::sample(sampler s, float2 coord, level(lod), int2 offset)",
            "The same for integer formats, always from the nearest texel (6.12)"),
    texture("texture_gather.f32", "v4f32(u64, u64, f32, f32, f32, u32, u32, i32, i32)",
            "texture2d<float>::gather(sampler s, float2 coord, int2 offset, component c)",
            "One component of the four texels that linear filtering would weigh; operands: as "
            "texture_sample, with the component in place of the level (6.12)"),
    texture("texture_gather.i32", "v4i32(u64, u64, f32, f32, f32, u32, u32, i32, i32)",
            "texture2d<int>::gather(sampler s, float2 coord, int2 offset, component c)",
            "The same for integer formats (6.12)"),
    texture("texture_sample_compare", "f32(u64, u64, f32, f32, f32, u32, f32, f32, i32, i32)",
            "depth2d<float>::sample_compare(sampler s, float2 coord, float compare_value)",
            "Compares before it filters: texture, sampler, x, y, z, array element, value, level of "
            "detail, offsets (6.12)"),
    texture("texture_gather_compare", "v4f32(u64, u64, f32, f32, f32, u32, f32, i32, i32)",
            "depth2d<float>::gather_compare(sampler s, float2 coord, float compare_value)",
            "The four comparisons that texture_sample_compare would weigh (6.12)"),
    texture("texture_size", "u32(u64, u32, u32)", "texture2d<float>::get_width(uint lod)",
            "0 width, 1 height, 2 depth, 3 array length, 4 levels; of the level given last (6.12)"),
};

}  // namespace

std::span<const Builtin> table() {
  return kRows;
}

}  // namespace anymetal::builtins
