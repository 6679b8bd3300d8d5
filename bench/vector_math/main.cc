// vector_math_bench [FUNCTION...]: nanoseconds for each element, of arrays in the first cache, one
// thread. Turns are interleaved, and ratios are medians over turns, since the machine's speed
// varies.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>

#include "functions.h"

namespace anymetal::vector_math {
namespace {

constexpr size_t kCount = 2048, kRepeats = 200, kTurns = 25;

struct Range {
  float low, high;
};

Range range_of(const std::string& function) {
  static const std::map<std::string, Range> ranges = {
      {"log", {1e-3f, 1e3f}}, {"log2", {1e-3f, 1e3f}},  {"log10", {1e-3f, 1e3f}},
      {"asin", {-1, 1}},      {"acos", {-1, 1}},        {"atanh", {-1, 1}},
      {"acosh", {1, 100}},    {"rsqrt", {1e-3f, 1e3f}}, {"pow", {0.01f, 20}},
      {"powr", {0.01f, 20}},  {"exp10", {-30, 30}},     {"tanh", {-5, 5}}};
  const auto found = ranges.find(function);
  return found == ranges.end() ? Range{-50, 50} : found->second;
}

struct Arrays {
  alignas(64) float x[kCount], y[kCount], out[kCount];

  explicit Arrays(const Range& range) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> of_x(range.low, range.high), of_y(-9, 9);
    for (size_t i = 0; i < kCount; ++i) {
      x[i] = of_x(random);
      y[i] = of_y(random);
    }
  }
};

double turn(const Competitor& competitor, Arrays& arrays) {
  const auto start = std::chrono::steady_clock::now();
  for (size_t i = 0; i < kRepeats; ++i) competitor.run(arrays.x, arrays.y, arrays.out, kCount);
  const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
  return time.count() / double(kRepeats * kCount);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// One row of the table: times of ours, and how many times as long the others take.
void compare(const std::string& function, const std::vector<const Competitor*>& competitors) {
  Arrays arrays(range_of(function));
  std::map<std::string, std::vector<double>> times;
  for (const Competitor* competitor : competitors) turn(*competitor, arrays);
  for (size_t i = 0; i < kTurns; ++i) {
    for (const Competitor* competitor : competitors)
      times[competitor->name].push_back(turn(*competitor, arrays));
  }
  std::printf("| %s |", function.c_str());
  for (const char* name : {"ours", "ours, fast", "ours, half"}) {
    if (times.contains(name)) {
      std::printf(" %.3f |", median(times[name]));
    } else {
      std::printf(" - |");
    }
  }
  for (const char* name : {"SLEEF u10", "SLEEF u35", "libmvec"}) {
    if (!times.contains(name)) {
      std::printf(" - |");
      continue;
    }
    std::vector<double> ratios(kTurns);
    for (size_t i = 0; i < kTurns; ++i) ratios[i] = times[name][i] / times["ours"][i];
    std::printf(" %.2f |", median(ratios));
  }
  std::printf("\n");
}

}  // namespace
}  // namespace anymetal::vector_math

int main(int count, char** words) {
  using namespace anymetal::vector_math;
  const std::vector<Competitor> mine = ours(), others = peers();
  std::vector<std::string> functions(words + 1, words + count);
  if (functions.empty()) {
    for (const Competitor& competitor : mine) {
      if (competitor.name == "ours") functions.push_back(competitor.function);
    }
  }
  std::printf(
      "| function | ours, ns | fast | half | SLEEF u10 | SLEEF u35 | libmvec |\n"
      "|---|---|---|---|---|---|---|\n");
  for (const std::string& function : functions) {
    std::vector<const Competitor*> all;
    for (const auto* list : {&mine, &others}) {
      for (const Competitor& competitor : *list) {
        if (competitor.function == function) all.push_back(&competitor);
      }
    }
    if (!all.empty()) compare(function, all);
  }
  return 0;
}
