// Predefined macros, and the preprocessor as kernels use it.
#if !defined(__METAL_VERSION__) || __METAL_VERSION__ < 320
#error "the version of Metal"
#endif
#ifndef __METAL__
#error "__METAL__"
#endif
#ifdef __METAL_MACOS__
constant int kMac = 1;
#else
constant int kMac = 0;
#endif
#if __has_include(<metal_simdgroup_matrix>)
constant int kHas = 1;
#else
constant int kHas = 0;
#endif
#if defined(__APPLE__) || defined(__x86_64__) || defined(__linux__) || defined(__CUDACC__) || defined(SYCL_LANGUAGE_VERSION) || \
    defined(__SYCL_DEVICE_ONLY__) || defined(__OPENCL_VERSION__)
constant int kForeign = 1;
#else
constant int kForeign = 0;
#endif
#if __cplusplus >= 201402L && __cplusplus < 202002L
constant int kStandard = 1;
#else
constant int kStandard = 0;
#endif
#ifndef __HAVE_BFLOAT__
#error "bfloat"
#endif
#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)
#define STRING(x) #x
#define SUM(...) sum_of({__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define COUNT(...) (sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define OR(x, ...) (x + (0, ##__VA_ARGS__))
#define M_PI_TWICE (2 * M_PI_F)
#define SWAP(T, a, b) do { T t = a; a = b; b = t; } while (0)
constant int CONCAT(k, Line) = __LINE__;
#line 100
constant int kMoved = __LINE__;

kernel void check(device int* out, const device int* in) {
  Results r{out};
  r(kHas, 1);
  r(kForeign, 0);
  r(kStandard, 1);
  r(kMac, 1);
  r(kLine > 0, 1);
  r(kMoved, 100);
  r(COUNT(1, 2, 3), 3);
  r(OR(1) + OR(1, 2), 4);
  int a = 1, b = 2;
  SWAP(int, a, b);
  r(a * 10 + b, 21);
  r(M_PI_TWICE > 6.28f && M_PI_F > 3 && M_E_H > 2, 1);
  r(INFINITY > FLT_MAX && isnan(NAN) && HALF_MAX == 65504 && INT_MAX > 0 && ULONG_MAX > 0, 1);
  r(sizeof(STRING(abc)), 4);
  r(__COUNTER__ < __COUNTER__, 1);
  r(__METAL_VERSION__ >= 320, 1);
}
