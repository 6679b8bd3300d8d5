// Vectors under the names that host code shares with kernels.
#pragma once
#include <metal_stdlib>

namespace simd {
using namespace metal;
}
