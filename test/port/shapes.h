#pragma once
#include "lengths.h"
inline int rows_of(constant const int* x_shape) {
  return x_shape[0];
}
template <typename I>
inline I locate(uint index, constant const int* shape, constant const long* strides, int ndim) {
  I at = 0;
  for (int d = ndim - 1; d >= 0; --d) {
    at += I(index % shape[d]) * I(strides[d]);
    index /= shape[d];
  }
  return at;
}
