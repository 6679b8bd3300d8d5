// Words of CUDA, OpenCL, GLSL, HLSL, C and Python, and what Metal has in their place. One table,
// since a person who writes one of them thinks of what it does, not of where it is from.
#include <algorithm>
#include <vector>

#include "language/hints.h"
#include "language/metal_attributes.h"

namespace anymetal::language {
namespace {

struct Entry {
  std::string_view name;
  std::string_view hint;
};

constexpr Entry kNames[] = {
    // Metal's own, without what stands before them
    {"mem_none", "write mem_flags::mem_none"},
    {"mem_device", "write mem_flags::mem_device"},
    {"mem_threadgroup", "write mem_flags::mem_threadgroup"},
    {"mem_texture", "write mem_flags::mem_texture"},
    // CUDA
    {"__syncthreads", "in Metal it is threadgroup_barrier(mem_flags::mem_threadgroup)"},
    {"__syncwarp", "in Metal it is simdgroup_barrier(mem_flags::mem_threadgroup)"},
    {"__threadfence",
     "in Metal it is atomic_thread_fence(mem_flags::mem_device, memory_order_seq_cst)"},
    {"threadIdx", "in Metal it is the attribute thread_position_in_threadgroup"},
    {"blockIdx", "in Metal it is the attribute threadgroup_position_in_grid"},
    {"blockDim", "in Metal it is the attribute threads_per_threadgroup"},
    {"gridDim", "in Metal it is the attribute threadgroups_per_grid"},
    {"warpSize", "in Metal it is the attribute threads_per_simdgroup (32)"},
    {"laneId", "in Metal it is the attribute thread_index_in_simdgroup"},
    {"__shared__", "in Metal it is 'threadgroup'"},
    {"__global__", "in Metal it is 'kernel'"},
    {"__device__", "Metal needs no word for it: leave it away"},
    {"__host__", "Metal needs no word for it: leave it away"},
    {"__forceinline__", "in Metal it is 'inline'"},
    {"__constant__", "in Metal it is 'constant'"},
    {"__shfl_sync", "in Metal it is simd_shuffle(value, lane)"},
    {"__shfl_down_sync", "in Metal it is simd_shuffle_down(value, delta), without a mask"},
    {"__shfl_up_sync", "in Metal it is simd_shuffle_up(value, delta), without a mask"},
    {"__shfl_xor_sync", "in Metal it is simd_shuffle_xor(value, mask), without the first argument"},
    {"__shfl_down", "in Metal it is simd_shuffle_down(value, delta)"},
    {"__ballot_sync", "in Metal it is simd_ballot(condition)"},
    {"__any_sync", "in Metal it is simd_any(condition)"},
    {"__all_sync", "in Metal it is simd_all(condition)"},
    {"__reduce_add_sync", "in Metal it is simd_sum(value)"},
    {"__popc", "in Metal it is popcount(x)"},
    {"__clz", "in Metal it is clz(x)"},
    {"__ffs", "in Metal it is ctz(x) + 1"},
    {"__ldg", "in Metal a read is *p"},
    {"__expf", "in Metal it is fast::exp(x)"},
    {"__logf", "in Metal it is fast::log(x)"},
    {"__sinf", "in Metal it is fast::sin(x)"},
    {"__cosf", "in Metal it is fast::cos(x)"},
    {"__fdividef", "in Metal it is fast::divide(x, y)"},
    {"__fmaf_rn", "in Metal it is fma(a, b, c)"},
    {"__float2half", "in Metal it is half(x)"},
    {"__half2float", "in Metal it is float(x)"},
    {"__float_as_int", "in Metal it is as_type<int>(x)"},
    {"__int_as_float", "in Metal it is as_type<float>(x)"},
    {"__half", "in Metal it is 'half'"},
    {"__nv_bfloat16", "in Metal it is 'bfloat'"},
    {"atomicAdd",
     "in Metal it is atomic_fetch_add_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicSub",
     "in Metal it is atomic_fetch_sub_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicMax",
     "in Metal it is atomic_fetch_max_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicMin",
     "in Metal it is atomic_fetch_min_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicOr",
     "in Metal it is atomic_fetch_or_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicAnd",
     "in Metal it is atomic_fetch_and_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicExch",
     "in Metal it is atomic_exchange_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomicCAS",
     "in Metal it is atomic_compare_exchange_weak_explicit(pointer to an atomic, &expected, value, "
     "memory_order_relaxed, memory_order_relaxed)"},
    {"dim3", "in Metal it is 'uint3'"},
    // OpenCL
    {"get_global_id", "in Metal it is the attribute thread_position_in_grid"},
    {"get_local_id", "in Metal it is the attribute thread_position_in_threadgroup"},
    {"get_group_id", "in Metal it is the attribute threadgroup_position_in_grid"},
    {"get_global_size", "in Metal it is the attribute threads_per_grid"},
    {"get_local_size", "in Metal it is the attribute threads_per_threadgroup"},
    {"get_num_groups", "in Metal it is the attribute threadgroups_per_grid"},
    {"get_sub_group_local_id", "in Metal it is the attribute thread_index_in_simdgroup"},
    {"sub_group_reduce_add", "in Metal it is simd_sum(value)"},
    {"barrier", "in Metal it is threadgroup_barrier(mem_flags::mem_threadgroup)"},
    {"mem_fence", "in Metal it is threadgroup_barrier(mem_flags::mem_threadgroup)"},
    {"CLK_LOCAL_MEM_FENCE",
     "in Metal the barrier is threadgroup_barrier(mem_flags::mem_threadgroup)"},
    {"CLK_GLOBAL_MEM_FENCE", "in Metal the barrier is threadgroup_barrier(mem_flags::mem_device)"},
    {"__kernel", "in Metal it is 'kernel'"},
    {"__global", "in Metal it is 'device'"},
    {"__local", "in Metal it is 'threadgroup'"},
    {"__constant", "in Metal it is 'constant'"},
    {"__private", "in Metal it is 'thread'"},
    {"native_exp", "in Metal it is fast::exp(x)"},
    {"as_float", "in Metal it is as_type<float>(x)"},
    {"as_int", "in Metal it is as_type<int>(x)"},
    {"as_uint", "in Metal it is as_type<uint>(x)"},
    {"convert_float4", "in Metal it is float4(x)"},
    {"convert_int", "in Metal it is int(x)"},
    {"mad", "in Metal it is fma(a, b, c)"},
    {"atomic_add",
     "in Metal it is atomic_fetch_add_explicit(pointer to an atomic, value, memory_order_relaxed)"},
    {"atomic_inc",
     "in Metal it is atomic_fetch_add_explicit(pointer to an atomic, 1, memory_order_relaxed)"},
    // GLSL and HLSL
    {"gl_GlobalInvocationID", "in Metal it is the attribute thread_position_in_grid"},
    {"gl_LocalInvocationID", "in Metal it is the attribute thread_position_in_threadgroup"},
    {"gl_LocalInvocationIndex", "in Metal it is the attribute thread_index_in_threadgroup"},
    {"gl_WorkGroupID", "in Metal it is the attribute threadgroup_position_in_grid"},
    {"gl_WorkGroupSize", "in Metal it is the attribute threads_per_threadgroup"},
    {"gl_NumWorkGroups", "in Metal it is the attribute threadgroups_per_grid"},
    {"SV_DispatchThreadID", "in Metal it is the attribute thread_position_in_grid"},
    {"vec2", "in Metal it is 'float2'"},
    {"vec3", "in Metal it is 'float3'"},
    {"vec4", "in Metal it is 'float4'"},
    {"ivec2", "in Metal it is 'int2'"},
    {"ivec3", "in Metal it is 'int3'"},
    {"ivec4", "in Metal it is 'int4'"},
    {"uvec2", "in Metal it is 'uint2'"},
    {"uvec3", "in Metal it is 'uint3'"},
    {"uvec4", "in Metal it is 'uint4'"},
    {"mat2", "in Metal it is 'float2x2'"},
    {"mat3", "in Metal it is 'float3x3'"},
    {"mat4", "in Metal it is 'float4x4'"},
    {"mod", "in Metal it is fmod(x, y), which takes the sign of x"},
    {"inversesqrt", "in Metal it is rsqrt(x)"},
    {"lerp", "in Metal it is mix(x, y, t)"},
    {"frac", "in Metal it is fract(x)"},
    {"groupshared", "in Metal it is 'threadgroup'"},
    {"shared", "in Metal it is 'threadgroup'"},
    {"GroupMemoryBarrierWithGroupSync",
     "in Metal it is threadgroup_barrier(mem_flags::mem_threadgroup)"},
    {"memoryBarrierShared", "in Metal it is threadgroup_barrier(mem_flags::mem_threadgroup)"},
    {"floatBitsToInt", "in Metal it is as_type<int>(x)"},
    {"floatBitsToUint", "in Metal it is as_type<uint>(x)"},
    {"asuint", "in Metal it is as_type<uint>(x)"},
    {"asfloat", "in Metal it is as_type<float>(x)"},
    // C and C++
    {"std", "Metal's library isn't in 'std' but in 'metal': metal::max"},
    {"NULL", "write 'nullptr'"},
    {"malloc", "there is no heap in Metal; declare an array whose size is a constant"},
    {"free", "there is no heap in Metal"},
    {"memcpy", "Metal has no memory functions; assign, or copy in a loop"},
    {"memset", "Metal has no memory functions; assign, or write in a loop"},
    {"cout", "Metal has no streams; os_log (metal_logging) writes"},
    {"string", "Metal has no strings"},
    {"vector", "Metal has no containers; an array has a constant size"},
    {"rand", "Metal has no random numbers; make them from a key that the host passes"},
    {"swap", "write it out: T t = a; a = b; b = t;"},
    {"M_PI", "in Metal it is M_PI_F (half: M_PI_H)"},
    {"M_E", "in Metal it is M_E_F"},
    {"M_SQRT2", "in Metal it is M_SQRT2_F"},
    {"M_LN2", "in Metal it is M_LN2_F"},
    {"M_LOG2E", "in Metal it is M_LOG2E_F"},
    {"M_SQRT1_2", "in Metal it is M_SQRT1_2_F"},
    {"M_2_SQRTPI", "in Metal it is M_2_SQRTPI_F"},
    {"DBL_MAX", "Metal has no double; the largest float is FLT_MAX"},
    {"erf", "Metal has no erf; write a polynomial (Abramowitz and Stegun, 7.1.26)"},
    {"erff", "Metal has no erf; write a polynomial (Abramowitz and Stegun, 7.1.26)"},
    {"tgamma", "Metal has no gamma function"},
    {"lgamma", "Metal has no gamma function"},
    {"expm1", "Metal has no expm1; exp(x) - 1 loses digits near 0, where x + x * x / 2 does well"},
    {"log1p", "Metal has no log1p; log(1 + x) loses digits near 0, where x - x * x / 2 does well"},
    {"hypot", "Metal has no hypot; length(float2(x, y))"},
    {"cbrt", "Metal has no cbrt; copysign(pow(abs(x), 1.0f / 3), x)"},
    // Names of types elsewhere
    {"float16", "in Metal it is 'half'"},
    {"float16_t", "in Metal it is 'half'"},
    {"float32", "in Metal it is 'float'"},
    {"float32_t", "in Metal it is 'float'"},
    {"float64", "Metal has no type of 64 bits for fractions; use 'float'"},
    {"bfloat16", "in Metal it is 'bfloat'"},
    {"int8", "in Metal it is 'char' or 'int8_t'"},
    {"int16", "in Metal it is 'short' or 'int16_t'"},
    {"int32", "in Metal it is 'int' or 'int32_t'"},
    {"int64", "in Metal it is 'long' or 'int64_t'"},
    {"uint8", "in Metal it is 'uchar' or 'uint8_t'"},
    {"uint16", "in Metal it is 'ushort' or 'uint16_t'"},
    {"uint32", "in Metal it is 'uint' or 'uint32_t'"},
    {"uint64", "in Metal it is 'ulong' or 'uint64_t'"},
    {"u32", "in Metal it is 'uint'"},
    {"f32", "in Metal it is 'float'"},
    {"byte", "in Metal it is 'uchar'"},
    {"True", "write 'true'"},
    {"False", "write 'false'"},
    {"None", "write 'nullptr', for a pointer"},
    {"fn", "Metal is a C++: a function begins with its return type"},
    {"let", "Metal is a C++: a variable begins with its type, or 'auto'"},
    {"var", "Metal is a C++: a variable begins with its type, or 'auto'"},
    {"def", "Metal is a C++: a function begins with its return type"},
};

/// Functions of C that end in f and are Metal's without it.
bool is_c_function(std::string_view name) {
  static constexpr std::string_view kFunctions[] = {
      "acosf", "acoshf", "asinf",  "asinhf", "atan2f", "atanf",     "atanhf", "ceilf",
      "cosf",  "coshf",  "exp2f",  "exp10f", "expf",   "fabsf",     "floorf", "fmaf",
      "fmaxf", "fminf",  "fmodf",  "frexpf", "ldexpf", "log10f",    "log2f",  "logf",
      "powf",  "rintf",  "roundf", "rsqrtf", "sinf",   "sinhf",     "sqrtf",  "tanf",
      "tanhf", "truncf", "sinpif", "cospif", "modff",  "copysignf", "fdimf",  "nextafterf"};
  return std::find(std::begin(kFunctions), std::end(kFunctions), name) != std::end(kFunctions);
}

constexpr Entry kCalls[] = {
    {"clamp", "clamp(x, low, high)"},
    {"mix", "mix(x, y, t): x at t = 0, y at t = 1"},
    {"select", "select(a, b, c): b where c is true, else a"},
    {"fma", "fma(a, b, c) is a * b + c"},
    {"smoothstep", "smoothstep(low, high, x)"},
    {"step", "step(edge, x)"},
    {"pow", "pow(x, y), both of one type"},
    {"atan2", "atan2(y, x), both of one type"},
    {"dot", "dot(a, b) takes two vectors of the same type and size"},
    {"cross", "cross(a, b) takes two vectors of three components"},
    {"length", "length(v) takes a vector; of a number it is abs(x)"},
    {"normalize", "normalize(v) takes a vector"},
    {"distance", "distance(a, b) takes two vectors of the same type and size"},
    {"max", "max(a, b), numbers or vectors of one size; of three: max3(a, b, c)"},
    {"min", "min(a, b), numbers or vectors of one size; of three: min3(a, b, c)"},
    {"fmod", "fmod(x, y)"},
    {"popcount", "popcount(x) takes an integer"},
    {"clz", "clz(x) takes an integer"},
    {"as_type", "as_type<T>(x) takes a value of the same size as T"},
    {"simd_shuffle", "simd_shuffle(value, lane)"},
    {"simd_shuffle_down", "simd_shuffle_down(value, delta)"},
    {"simd_shuffle_up", "simd_shuffle_up(value, delta)"},
    {"simd_shuffle_xor", "simd_shuffle_xor(value, mask)"},
    {"simd_broadcast", "simd_broadcast(value, lane)"},
    {"simd_sum", "simd_sum(value) takes a number or a vector of numbers"},
    {"simd_max", "simd_max(value) takes a number or a vector of numbers"},
    {"simd_min", "simd_min(value) takes a number or a vector of numbers"},
    {"simd_any", "simd_any(condition)"},
    {"simd_all", "simd_all(condition)"},
    {"simd_ballot", "simd_ballot(condition)"},
    {"threadgroup_barrier",
     "threadgroup_barrier(mem_flags::mem_threadgroup); for buffers mem_flags::mem_device"},
    {"simdgroup_barrier",
     "simdgroup_barrier(mem_flags::mem_threadgroup); for buffers mem_flags::mem_device"},
};

constexpr std::string_view kAtomicPointer =
    "it works on atomics: 'device atomic_int *p', or cast: (device atomic_int *)p; in a "
    "metal_kernel, "
    "atomic_outputs=True makes outputs so";

std::string how_to_get(std::string_view attribute) {
  const auto* input = find_input_attribute(attribute);
  const std::string type = input && input->dimensions == 1 ? "uint" : "uint3";
  return "a metal_kernel body uses the name as it is, a whole kernel has a parameter '" + type +
         " id [[" + std::string(attribute) + "]]'";
}

/// "thread_position_in_gird". Short names are like too much.
std::string hint_for_misspelt_attribute(std::string_view name) {
  if (name.size() < 8) return {};
  std::vector<std::string_view> names;
  for (const auto& attribute : input_attributes()) names.push_back(attribute.name);
  const auto close = nearest(name, names);
  return close.empty() ? std::string()
                       : "did you mean '" + std::string(close) + "'? " + how_to_get(close);
}

}  // namespace

std::string hint_for_name(std::string_view name) {
  if (find_input_attribute(name)) return how_to_get(name);
  for (const auto& entry : kNames) {
    if (entry.name != name) continue;
    std::string hint(entry.hint);
    const std::string_view attribute = "the attribute ";
    if (const size_t at = hint.find(attribute); at != std::string::npos) {
      std::string word = hint.substr(at + attribute.size());
      word = word.substr(0, word.find(' '));
      hint = "in Metal it is " + word + ": " + how_to_get(word);
    }
    return hint;
  }
  if (is_c_function(name))
    return "in Metal it is '" + std::string(name.substr(0, name.size() - 1)) + "', for every type";
  return hint_for_misspelt_attribute(name);
}

std::string hint_for_call(std::string_view function) {
  if (function.starts_with("metal::")) function.remove_prefix(7);
  for (const auto& entry : kCalls) {
    if (entry.name == function) return "usage: " + std::string(entry.hint);
  }
  if (function.starts_with("atomic_") && function.ends_with("_explicit")) {
    const bool store = function == "atomic_store_explicit" ||
                       function.starts_with("atomic_fetch") ||
                       function == "atomic_exchange_explicit";
    return "usage: " + std::string(function) + "(pointer, " + (store ? "value, " : "") +
           (function.starts_with("atomic_compare")
                ? "&expected, value, memory_order_relaxed, memory_order_relaxed)"
                : "memory_order_relaxed)") +
           "; " + std::string(kAtomicPointer);
  }
  return {};
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> names) {
  std::string_view best;
  size_t least = std::max<size_t>(2, name.size() / 4) + 1;
  for (const auto candidate : names) {
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j <= candidate.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t changed = diagonal + (name[i - 1] != candidate[j - 1]);
        diagonal = row[j];
        row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
      }
    }
    if (row.back() < least) {
      least = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace anymetal::language
