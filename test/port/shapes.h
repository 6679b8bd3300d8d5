#pragma once
#include "lengths.h"
template <typename I>
inline I locate(uint index, constant const int* shape, constant const long* strides, int ndim) {
  I at = 0;
  for (int d = ndim - 1; d >= 0; --d) {
    at += I(index % shape[d]) * I(strides[d]);
    index /= shape[d];
  }
  return at;
}
