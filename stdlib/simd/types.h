// A part of <simd/simd.h>: vectors and matrices.
#pragma once
#include <simd/simd.h>
