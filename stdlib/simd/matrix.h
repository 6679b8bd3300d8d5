// A part of <simd/simd.h>: matrices.
#pragma once
#include <simd/simd.h>
