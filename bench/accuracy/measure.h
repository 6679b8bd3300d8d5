// The largest error of a function over operands.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "functions.h"
#include "inputs.h"
#include "kernel.h"

namespace anymetal::accuracy {

struct Measurement {
  double ulps = 0;           ///< the largest error
  Operand at{};              ///< where
  uint64_t operands = 0;     ///< how many were in the domain
  uint64_t not_nearest = 0;  ///< results that aren't the exact value rounded to nearest even
  /// The largest relative difference between the approximations and MPFR, where both were computed.
  double approximation = 0;
  uint64_t violations =
      0;              ///< results beyond the bound, or wrong in kind (NaN, infinity, sign of 0)
  std::string first;  ///< the first of them, in words

  void add(const Measurement& other);
};

/// Judges results one by one. An object serves one thread.
///
/// Each result is first compared with the long double approximation, which takes 0.1 µs. MPFR
/// decides whenever that doesn't settle it: the two differ in kind (finite, infinite, NaN, sign of
/// zero); the error is as large as the largest so far, or near the bound, or so near a half unit
/// that the rounding is in doubt. And for one of `check_every` operands in any case, to watch the
/// approximation itself. Where a double form may be used (`judge_by_doubles`), it comes before
/// both, and settles what is plainly right within some nanoseconds.
class Judge {
 public:
  Judge(const Function& function, const Format& format, const Spelling& spelling,
        uint64_t check_every);
  ~Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  /// An error that is known to occur: what isn't larger needn't be decided.
  void start_from(double ulps, const Operand& at);
  /// For floats in safe math, and code that doesn't call glibc's double functions itself.
  void judge_by_doubles();
  void judge(const Operand& operand, uint32_t result);
  [[nodiscard]] const Measurement& measurement() const { return measured_; }

 private:
  bool in_domain(double x, double y, double z) const;
  [[nodiscard]] std::optional<double> plain_error(double x, double result) const;
  void decide(const Operand& operand, uint32_t result, long double approximation);
  void check_approximation(long double approximation);
  void violate(const Operand& operand, uint32_t result, const char* what);
  [[nodiscard]] double limit(double x, double y) const;

  const Function& function_;
  const Format& format_;
  const Spelling& spelling_;
  const Bound& bound_;
  uint64_t check_every_;
  double near_bound_;
  double (*in_doubles_)(double) = nullptr;
  Measurement measured_;
  mpfr_t x_, y_, z_, exact_;
};

using Samples = std::vector<std::pair<const Function*, Measurement>>;

/// Samples of all functions to which the spelling applies, in the table's order.
[[nodiscard]] Result<Samples> measure_samples(const Format& format, const Spelling& spelling,
                                              Executor executor);

/// All 2^32 floats (65,536 halves or bfloats) of a function of one operand, on `threads` threads.
/// `progress` hears of each 64th of the way.
[[nodiscard]] Result<Measurement> measure_all(const Function& function, const Format& format,
                                              const Spelling& spelling, Executor executor,
                                              unsigned threads,
                                              const std::function<void(int)>& progress);

}  // namespace anymetal::accuracy
