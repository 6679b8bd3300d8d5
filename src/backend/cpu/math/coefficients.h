// Written by fit_polynomials.py: polynomials of the vector math functions, lowest coefficient
// first; what each stands for, where, and the largest relative error of the function that is made
// of it.
#pragma once

namespace anymetal::cpu_math {

// clang-format off
// e^r, r in [-ln 2 / 2, ln 2 / 2]: 2^-28.2
inline constexpr float kExp[] = {0x1p+0f, 0x1p+0f, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558b4p-5f, 0x1.12399ap-7f, 0x1.6a48cap-10f};
// e^r, r in [-ln 2 / 2, ln 2 / 2]: 2^-23.2
inline constexpr float kExpFast[] = {0x1p+0f, 0x1p+0f, 0x1.fffdfap-2f, 0x1.5557acp-3f, 0x1.572af6p-5f, 0x1.106494p-7f};
// 2^r, r in [-1/2, 1/2]: 2^-28.3
inline constexpr float kExp2[] = {0x1p+0f, 0x1.62e43p-1f, 0x1.ebfbdcp-3f, 0x1.c6af7ap-5f, 0x1.3b2ddap-7f, 0x1.5f0988p-10f, 0x1.4173c8p-13f};
// 2^r, r in [-1/2, 1/2]: 2^-23.3
inline constexpr float kExp2Fast[] = {0x1p+0f, 0x1.62e42ap-1f, 0x1.ebf9cp-3f, 0x1.c6b6d8p-5f, 0x1.3ce984p-7f, 0x1.5bdb76p-10f};
// 2^r, r in [-1/2, 1/2]: 2^-18.4
inline constexpr float kExp2Narrow[] = {0x1p+0f, 0x1.62e12ap-1f, 0x1.ec038p-3f, 0x1.c9fdd2p-5f, 0x1.3a01e6p-7f};
// 10^r, r in [-log10(2) / 2, log10(2) / 2]: 2^-28.5
inline constexpr float kExp10[] = {0x1p+0f, 0x1.26bb1cp+1f, 0x1.53524ap+1f, 0x1.046f9cp+1f, 0x1.2bdap+0f, 0x1.156a4ep-1f, 0x1.a63adap-3f};
// 10^r, r in [-log10(2) / 2, log10(2) / 2]: 2^-23.4
inline constexpr float kExp10Fast[] = {0x1p+0f, 0x1.26bb16p+1f, 0x1.5350dp+1f, 0x1.047448p+1f, 0x1.2d82aap+0f, 0x1.12b5d8p-1f};
// (log(1 + f) - f) / f^2, f in [-1/3, 1/3]: 2^-25.2
inline constexpr float kLog[] = {-0x1.ffffd6p-2f, 0x1.5554fcp-2f, -0x1.00145p-2f, 0x1.99d3a6p-3f, -0x1.50388cp-3f, 0x1.1ea958p-3f, -0x1.3b0e12p-3f, 0x1.1f248p-3f};
// (log(1 + f) - f) / f^2, f in [-1/3, 1/3]: 2^-22.3
inline constexpr float kLogFast[] = {-0x1.ffffe6p-2f, 0x1.555e3ep-2f, -0x1.00107ep-2f, 0x1.95e0ccp-3f, -0x1.50b75p-3f, 0x1.5bf464p-3f, -0x1.38a166p-3f};
// (log(1 + f) - f) / f^2, f in [-1/3, 1/3]: 2^-16.8
inline constexpr float kLogNarrow[] = {-0x1.0001a8p-1f, 0x1.54715cp-2f, -0x1.fd6522p-3f, 0x1.cbb546p-3f, -0x1.892362p-3f};
// (log(1 + f) - f + f^2 / 2) / f^3, f in [-1/3, 1/3]: 2^-30.1
inline constexpr float kLogTail[] = {0x1.555556p-2f, -0x1.ffff18p-3f, 0x1.9997eep-3f, -0x1.55978cp-3f, 0x1.24eb6ep-3f, -0x1.f3b02ap-4f, 0x1.b91ef6p-4f, -0x1.06c2c4p-3f, 0x1.e9d1b2p-4f};
// (sin(r) / r - 1) / r^2 of s = r^2, r in [-pi/2, pi/2]: 2^-27.3
inline constexpr float kSin[] = {-0x1.55554cp-3f, 0x1.110edap-7f, -0x1.9f70eap-13f, 0x1.5dc84ap-19f};
// (sin(r) / r - 1) / r^2 of s = r^2, r in [-pi/2, pi/2]: 2^-19.8
inline constexpr float kSinNarrow[] = {-0x1.55510ep-3f, 0x1.1070d8p-7f, -0x1.84d44ep-13f};
// sin(pi r) / r of s = r^2, r in [-1/2, 1/2]: 2^-25.1
inline constexpr float kSinpi[] = {0x1.921fb6p+1f, -0x1.4abbfp+2f, 0x1.466f3ep+1f, -0x1.32e974p-1f, 0x1.4701dep-4f};
// sin(pi r) / r of s = r^2, r in [-1/2, 1/2]: 2^-20.0
inline constexpr float kSinpiFast[] = {0x1.921f9cp+1f, -0x1.4ab612p+2f, 0x1.4592dcp+1f, -0x1.1dcfa2p-1f};
// (tan(r) / r - 1) / r^2 of s = r^2, r in [-pi/4, pi/4]: 2^-25.7
inline constexpr float kTan[] = {0x1.5554dep-2f, 0x1.112df8p-3f, 0x1.b5825p-5f, 0x1.908b3cp-6f, 0x1.951e78p-9f, 0x1.34218cp-7f};
// (tan(r) / r - 1) / r^2 of s = r^2, r in [-pi/4, pi/4]: 2^-18.1
inline constexpr float kTanNarrow[] = {0x1.5525f6p-2f, 0x1.16b402p-3f, 0x1.5295cp-5f, 0x1.6184f4p-5f};
// (atan(t) / t - 1) / t^2 of s = t^2, t in [0, 1]: 2^-25.8
inline constexpr float kAtan[] = {-0x1.5554dcp-2f, 0x1.9978ecp-3f, -0x1.230a94p-3f, 0x1.b4debp-4f, -0x1.3550dap-4f, 0x1.61eebp-5f, -0x1.0c17d4p-6f, 0x1.7ea694p-9f};
// (atan(t) / t - 1) / t^2 of s = t^2, t in [0, 1]: 2^-23.1
inline constexpr float kAtanFast[] = {-0x1.5552dep-2f, 0x1.99127cp-3f, -0x1.1f916ap-3f, 0x1.985134p-4f, -0x1.ed3512p-5f, 0x1.95465p-6f, -0x1.3c158p-8f};
// (atan(t) / t - 1) / t^2 of s = t^2, t in [0, 1]: 2^-17.6
inline constexpr float kAtanNarrow[] = {-0x1.551548p-2f, 0x1.91c868p-3f, -0x1.f5d214p-4f, 0x1.e171a2p-5f, -0x1.c9470cp-7f};
// (asin(t) / t - 1) / t^2 of s = t^2, t in [0, 1/2]: 2^-27.6
inline constexpr float kAsin[] = {0x1.5555c8p-3f, 0x1.330204p-4f, 0x1.747bbap-5f, 0x1.8c3e2ap-6f, 0x1.595c8cp-5f};
// (asin(t) / t - 1) / t^2 of s = t^2, t in [0, 1/2]: 2^-23.4
inline constexpr float kAsinFast[] = {0x1.554fa2p-3f, 0x1.34dc66p-4f, 0x1.47f43ap-5f, 0x1.993efap-5f};
// (asin(t) / t - 1) / t^2 of s = t^2, t in [0, 1/2]: 2^-19.1
inline constexpr float kAsinNarrow[] = {0x1.559be6p-3f, 0x1.268068p-4f, 0x1.06956p-4f};
// (sinh(r) / r - 1) / r^2 of s = r^2, r in [-ln 2 / 2, ln 2 / 2]: 2^-34.3
inline constexpr float kSinh[] = {0x1.555556p-3f, 0x1.110fbep-7f, 0x1.a2e308p-13f};
// (cosh(r) - 1) / r^2 of s = r^2, r in [-ln 2 / 2, ln 2 / 2]: 2^-33.3
inline constexpr float kCosh[] = {0x1p-1f, 0x1.5554e6p-5f, 0x1.6d4f3cp-10f};
// (sinh(r) / r - 1) / r^2 of s = r^2, r in [-ln 2 / 2, ln 2 / 2]: 2^-26.2
inline constexpr float kSinhNarrow[] = {0x1.5554bp-3f, 0x1.1227bcp-7f};
// (cosh(r) - 1) / r^2 of s = r^2, r in [-ln 2 / 2, ln 2 / 2]: 2^-23.4
inline constexpr float kCoshNarrow[] = {0x1.fffdcp-2f, 0x1.573c44p-5f};
// clang-format on

}  // namespace anymetal::cpu_math
