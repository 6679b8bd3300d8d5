// The rows of group math in the builtin table, as lists for macros: ANYMETAL_*(name, has_fast). A
// test compares them with the table.
#pragma once

#define ANYMETAL_UNARY_MATH(row)                                                                   \
  row(exp) row(exp2) row(exp10) row(log) row(log2) row(log10) row(sin) row(cos) row(tan) row(asin) \
      row(acos) row(atan) row(sinh) row(cosh) row(tanh) row(asinh) row(acosh) row(atanh)           \
          row(sinpi) row(cospi) row(tanpi) row(rsqrt)
#define ANYMETAL_BINARY_MATH(row) row(atan2) row(pow) row(powr)
