// A part of <simd/simd.h>: vectors.
#pragma once
#include <simd/simd.h>
