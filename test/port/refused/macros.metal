#include <metal_stdlib>
using namespace metal;
#include "macros.h"  // in_a_header is refused there

#define MIXED(name) \
  kernel void name(texture2d<float> picture, device float* out, uint i [[thread_position_in_grid]]) { \
    out[i] = 1; \
  }
MIXED(with_picture)

#define OPTIONAL(name, ...) \
  kernel void name(device float* out __VA_OPT__(,) __VA_ARGS__) { out[0] = 1; }
// refused: kernel 'optional' is written by a macro, which can't be written out here: the macro uses __VA_OPT__
OPTIONAL(optional)
