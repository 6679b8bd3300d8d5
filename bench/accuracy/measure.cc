#include "measure.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace anymetal::accuracy {
namespace {

// An approximation's error, as a part of an ulp of float, is below 2^-38; results within this of a
// decision go to MPFR.
constexpr double kDoubt = 0x1p-30;

// The same for double forms, whose error is below 2^-49 of the value, so 2^-25 ulp of float.
constexpr double kDoubtOfDoubles = 0x1p-22;

// Sums and products of floats need some 600 bits to be exact; what has no finite expansion is never
// near a tie.
constexpr mpfr_prec_t kAlgebraicBits = 700, kTranscendentalBits = 160;

constexpr size_t kChunk = size_t{1} << 20;

}  // namespace

void Measurement::add(const Measurement& other) {
  if (other.ulps > ulps || operands == 0) {
    ulps = other.ulps;
    at = other.at;
  }
  operands += other.operands;
  not_nearest += other.not_nearest;
  approximation = std::max(approximation, other.approximation);
  if (violations == 0) first = other.first;
  violations += other.violations;
}

Judge::Judge(const Function& function, const Format& format, const Spelling& spelling,
             uint64_t check_every)
    : function_(function),
      format_(format),
      spelling_(spelling),
      bound_(bound_of(function, format, spelling.fast)),
      check_every_(check_every),
      near_bound_(bound_.kind == Bound::Kind::nearest || bound_.kind == Bound::Kind::input
                      ? 0.5 - kDoubt
                      : bound_.limit * (1 - kDoubt)) {
  mpfr_inits2(53, x_, y_, z_, static_cast<mpfr_ptr>(nullptr));
  const bool algebraic = function.precise.kind == Bound::Kind::nearest;
  mpfr_init2(exact_, algebraic ? kAlgebraicBits : kTranscendentalBits);
}

Judge::~Judge() {
  mpfr_clears(x_, y_, z_, exact_, static_cast<mpfr_ptr>(nullptr));
}

/// Whether the specification says what the result is. Fast math leaves all open that has an
/// infinity or NaN in it.
bool Judge::in_domain(double x, double y, double z) const {
  if (function_.domain && !function_.domain(x, y)) return false;
  const bool finite_only = spelling_.mode == MathMode::fast || spelling_.space == "fast::";
  if (finite_only && !(std::isfinite(x) && std::isfinite(y) && std::isfinite(z))) return false;
  return !(spelling_.fast && format_.bits == 32 && function_.fast_domain) ||
         function_.fast_domain(x, y);
}

double Judge::limit(double x, double y) const {
  if (!bound_.limit_at) return bound_.limit;
  int exponent = 0;
  bool power_of_two = false;
  if (mpfr_regular_p(exact_)) {
    exponent = int(std::clamp<mpfr_exp_t>(mpfr_get_exp(exact_), -10000, 10000));
    power_of_two = mpfr_min_prec(exact_) == 1;
  } else {
    exponent = -10000;
  }
  return bound_.limit_at(x, y, std::ldexp(1.0, ulp_exponent(format_, exponent, power_of_two)));
}

void Judge::violate(const Operand& operand, uint32_t result, const char* what) {
  if (measured_.violations++ != 0) return;
  std::string text = std::string(function_.name) + " of " + std::string(format_.name) + ", " +
                     std::string(spelling_.name) + ": for";
  char buffer[160];
  for (int i = 0; i < function_.arity; ++i) {
    (void)std::snprintf(buffer, sizeof buffer, " %a (0x%x)", decode(format_, operand[size_t(i)]),
                        operand[size_t(i)]);
    text += buffer;
  }
  (void)std::snprintf(buffer, sizeof buffer, " it gives %a, exact is %a, %g ulp: %s",
                      decode(format_, result), mpfr_get_d(exact_, MPFR_RNDN),
                      distance(format_, result, exact_).ulps, what);
  measured_.first = text + buffer;
}

void Judge::check_approximation(long double approximation) {
  if (!mpfr_regular_p(exact_) || !std::isfinite(approximation)) return;
  if (mpfr_get_exp(exact_) < -16000) return;
  mpfr_t difference;
  mpfr_init2(difference, 64);
  mpfr_set_ld(difference, approximation, MPFR_RNDN);
  mpfr_reldiff(difference, exact_, difference, MPFR_RNDN);
  measured_.approximation =
      std::max(measured_.approximation, std::abs(mpfr_get_d(difference, MPFR_RNDN)));
  mpfr_clear(difference);
}

void Judge::decide(const Operand& operand, uint32_t result, long double approximation) {
  const double x = decode(format_, operand[0]), y = decode(format_, operand[1]);
  mpfr_set_d(x_, x, MPFR_RNDN);
  mpfr_set_d(y_, y, MPFR_RNDN);
  mpfr_set_d(z_, decode(format_, operand[2]), MPFR_RNDN);
  function_.exact(format_, exact_, x_, y_, z_);
  check_approximation(approximation);
  const Distance error = distance(format_, result, exact_);
  if (!error.nearest) ++measured_.not_nearest;
  if (std::isinf(error.ulps)) return violate(operand, result, "a wrong kind of value");
  if (error.ulps > measured_.ulps) {
    measured_.ulps = error.ulps;
    measured_.at = operand;
  }
  const double value = decode(format_, result);
  const bool signs_count = function_.signed_zero && spelling_.mode == MathMode::safe;
  if (value == 0 && signs_count && std::signbit(value) != (mpfr_signbit(exact_) != 0))
    return violate(operand, result, "the wrong sign of zero");
  if (bound_.kind == Bound::Kind::nearest) {
    if (!error.nearest) violate(operand, result, "not correctly rounded");
  } else if (error.ulps > limit(x, y)) {
    violate(operand, result, "more than the bound");
  }
}

void Judge::start_from(double ulps, const Operand& at) {
  measured_.ulps = ulps;
  measured_.at = at;
}

void Judge::judge_by_doubles() {
  if (format_.bits == 32 && spelling_.mode == MathMode::safe && !spelling_.fast)
    in_doubles_ = double_form(function_.name);
}

/// The error in ulps, where it is plain: less than half a unit, or less than what was seen and what
/// is allowed, by more than the double form's own error. Above a power of two the ulp is taken to
/// be that below it: twice the error, which then decides nothing or the same.
std::optional<double> Judge::plain_error(double x, double result) const {
  const double near = in_doubles_(x), magnitude = std::abs(near);
  if (std::signbit(near) != std::signbit(result)) return std::nullopt;
  if (std::isinf(result))  // 2^128 and more can't round to a float
    return magnitude >= 0x1p128 ? std::optional(0.0) : std::nullopt;
  if (!(magnitude >= 0x1p-126 && magnitude < 0x1p127)) {
    // What vanishes or is zero, with the sign that was compared.
    return result == 0 && magnitude < 0x1p-151 ? std::optional(0.0) : std::nullopt;
  }
  if (result == near) return 0;
  const auto below = std::bit_cast<uint64_t>(magnitude * (1 - 0x1p-21)) >> 52;  // exponent and bias
  const double error =
      std::abs(result - near) * std::bit_cast<double>((uint64_t{2046 + 23} - below) << 52);
  const double limit = std::min(near_bound_, measured_.ulps) - kDoubtOfDoubles;
  if (error < std::min(0.5 - kDoubtOfDoubles, limit)) return error;
  const bool is_unit_clear = std::bit_cast<uint64_t>(magnitude) >> 52 == below;
  if (error > 0.5 + kDoubtOfDoubles && error < limit && is_unit_clear) return error;
  return std::nullopt;
}

void Judge::judge(const Operand& operand, uint32_t result) {
  const double x = decode(format_, operand[0]), y = decode(format_, operand[1]),
               z = decode(format_, operand[2]);
  if (!in_domain(x, y, z)) return;
  if (in_doubles_ && (measured_.operands + 1) % check_every_ != 0) {
    if (const auto error = plain_error(x, decode(format_, result))) {
      ++measured_.operands;
      if (*error > 0.5) ++measured_.not_nearest;
      return;
    }
  }
  const long double approximation = function_.approximate(format_, x, y, z);
  if (spelling_.mode == MathMode::fast || spelling_.space == "fast::") {
    // Overflow is as undefined there as an infinite operand.
    if (!(std::abs(approximation) <
          std::ldexp(1.0L, format_.top_exponent) * (1 - std::ldexp(1.0L, -format_.precision - 1))))
      return;
  }
  ++measured_.operands;
  bool settled = false;
  const double error = estimate(format_, decode(format_, result), approximation, settled);
  const bool doubtful = !settled || error > near_bound_ || error >= measured_.ulps * (1 - kDoubt) ||
                        std::abs(error - 0.5) < kDoubt;
  // Zero errors don't raise a largest error of zero.
  if ((doubtful && !(settled && error == 0)) || measured_.operands % check_every_ == 0)
    return decide(operand, result, approximation);
  if (error > 0.5) ++measured_.not_nearest;
}

namespace {

/// Fills the operand buffers for one launch.
void fill(std::span<const Operand> operands, Patterns& x, Patterns& y, Patterns& z) {
  for (size_t i = 0; i < operands.size(); ++i) {
    x.set(i, operands[i][0]);
    y.set(i, operands[i][1]);
    z.set(i, operands[i][2]);
  }
}

/// Functions that are tried with the same operands, by one kernel.
Result<void> measure_group(std::span<const Function* const> group, const Format& format,
                           const Spelling& spelling, Executor executor, Samples& out) {
  ANYMETAL_ASSIGN_OR_RETURN(const Kernel kernel,
                            Kernel::compile(format, spelling, group, executor));
  const std::vector<Operand> operands = sample(format, *group[0]);
  const size_t count = operands.size();
  Patterns x(format, count), y(format, count), z(format, count);
  Patterns results(format, count * group.size());
  fill(operands, x, y, z);
  ANYMETAL_RETURN_IF_ERROR(kernel.run(x, y, z, results, count));
  for (size_t f = 0; f < group.size(); ++f) {
    Judge judge(*group[f], format, spelling, 32);
    for (size_t i = 0; i < count; ++i) judge.judge(operands[i], results.get(f * count + i));
    out.emplace_back(group[f], judge.measurement());
  }
  return {};
}

}  // namespace

Result<Samples> measure_samples(const Format& format, const Spelling& spelling, Executor executor) {
  std::map<std::pair<int, Operands>, std::vector<const Function*>> groups;
  for (const Function& function : functions()) {
    if (applies(spelling, format, function))
      groups[{function.arity, function.operands}].push_back(&function);
  }
  Samples out;
  for (const auto& [operands, group] : groups)
    ANYMETAL_RETURN_IF_ERROR(measure_group(group, format, spelling, executor, out));
  std::ranges::sort(out, {}, &Samples::value_type::first);
  return out;
}

Result<Measurement> measure_all(const Function& function, const Format& format,
                                const Spelling& spelling, Executor executor, unsigned threads,
                                const std::function<void(int)>& progress) {
  const Function* one[] = {&function};
  ANYMETAL_ASSIGN_OR_RETURN(const Kernel kernel, Kernel::compile(format, spelling, one, executor));
  // Where errors grow from operand to operand, each would be the largest so far. The sample has one
  // that is nearly the largest of all.
  Samples sampled;
  ANYMETAL_RETURN_IF_ERROR(measure_group(one, format, spelling, executor, sampled));
  const Measurement start = std::move(sampled[0].second);
  const uint64_t total = uint64_t{1} << format.bits;
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  Measurement out;
  std::optional<Error> failure;
  const auto work = [&] {
    const size_t count = std::min<uint64_t>(kChunk, total);
    Patterns x(format, count), unused(format, count), results(format, count);
    Judge judge(function, format, spelling, 1 << 12);
    judge.start_from(start.ulps, start.at);
    if (executor == Executor::cpu) judge.judge_by_doubles();
    for (uint64_t first = 0; (first = next.fetch_add(count)) < total;) {
      if (first % (total / 64) == 0) progress(int(first / (total / 64)));
      for (size_t i = 0; i < count; ++i) x.set(i, uint32_t(first + i));
      if (auto ran = kernel.run(x, unused, unused, results, count); !ran) {
        const std::lock_guard lock(mutex);
        failure = ran.error();
        return;
      }
      for (size_t i = 0; i < count; ++i) judge.judge({uint32_t(first + i), 0, 0}, results.get(i));
    }
    {
      const std::lock_guard lock(mutex);
      out.add(judge.measurement());
    }
    mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);  // what MPFR keeps for this thread
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(threads, 1u); ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  if (failure) return *failure;
  return out;
}

}  // namespace anymetal::accuracy
