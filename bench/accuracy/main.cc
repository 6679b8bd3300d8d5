// anymetal_accuracy: measures, and keeps the record. `./dev bench accuracy` calls it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "record.h"

namespace anymetal::accuracy {
namespace {

struct Options {
  bool all = false;
  std::string record, page;
  std::vector<std::string> executors, types, spellings, functions;
  unsigned threads = std::thread::hardware_concurrency();
};

constexpr const char* kUsage =
    "usage: anymetal_accuracy [--all] [--executor reference|cpu] [--type T] [--spelling S] "
    "[--threads N] [--record FILE] "
    "[--page FILE] [FUNCTION...]\n";

bool read_options(int count, char** words, Options& out) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--all") {
      out.all = true;
    } else if (word.starts_with("--")) {
      if (++i == count) return false;
      const std::string value = words[i];
      if (word == "--executor" && (value == "reference" || value == "cpu")) {
        out.executors.push_back(value);
      } else if (word == "--type" && find_format(value)) {
        out.types.push_back(value);
      } else if (word == "--spelling" && find_spelling(value)) {
        out.spellings.push_back(value);
      } else if (word == "--threads" && std::atoi(words[i]) > 0) {
        out.threads = unsigned(std::atoi(words[i]));
      } else if (word == "--record") {
        out.record = value;
      } else if (word == "--page") {
        out.page = value;
      } else {
        return false;
      }
    } else if (find_function(word)) {
      out.functions.push_back(word);
    } else {
      (void)std::fprintf(stderr, "no function '%s'\n", word.c_str());
      return false;
    }
  }
  for (const std::string& name : out.functions) {
    if (out.all && find_function(name)->arity != 1) {
      (void)std::fprintf(stderr, "'%s' has more than one operand: not all of them can be tried\n",
                         name.c_str());
      return false;
    }
  }
  return true;
}

bool wanted(const std::vector<std::string>& list, std::string_view name) {
  return list.empty() || std::ranges::find(list, name) != list.end();
}

/// One line for each measurement, and what was wrong with it.
bool report(Executor executor, const Function& function, const Format& format,
            const Spelling& spelling, const Measurement& measured) {
  (void)std::printf(
      "%-9s %-18s %-7s %-10s %11llu operands  %.6f ulp at 0x%x 0x%x 0x%x  %llu not nearest"
      "  approximation 2^%.1f\n",
      std::string(name_of(executor)).c_str(), std::string(function.name).c_str(),
      std::string(format.name).c_str(), std::string(spelling.name).c_str(),
      static_cast<unsigned long long>(measured.operands), measured.ulps, measured.at[0],
      measured.at[1], measured.at[2], static_cast<unsigned long long>(measured.not_nearest),
      measured.approximation > 0 ? std::log2(measured.approximation) : -99);
  if (measured.violations)
    (void)std::printf("  %llu violations, the first: %s\n",
                      static_cast<unsigned long long>(measured.violations), measured.first.c_str());
  (void)std::fflush(stdout);
  return measured.violations == 0;
}

struct Run {
  const Options& options;
  Record record;
  bool well = true;

  Result<void> keep(Executor executor, const Function& function, const Format& format,
                    const Spelling& spelling, const Measurement& measured, bool all) {
    well &= report(executor, function, format, spelling, measured);
    record.set(executor, function, format, spelling, all, measured.ulps);
    // Long runs are kept one by one.
    if (!options.record.empty()) return record.write(options.record);
    return {};
  }

  Result<void> samples(Executor executor, const Format& format, const Spelling& spelling) {
    ANYMETAL_ASSIGN_OR_RETURN(const Samples measured, measure_samples(format, spelling, executor));
    for (const auto& [function, result] : measured) {
      if (wanted(options.functions, function->name))
        ANYMETAL_RETURN_IF_ERROR(keep(executor, *function, format, spelling, result, false));
    }
    return {};
  }

  Result<void> everything(Executor executor, const Format& format, const Spelling& spelling) {
    for (const Function& function : functions()) {
      if (function.arity != 1 || !wanted(options.functions, function.name) ||
          !applies(spelling, format, function))
        continue;
      const auto progress = [&](int part) {
        (void)std::fprintf(stderr, "\r%s: %d/64 ", std::string(function.name).c_str(), part);
      };
      ANYMETAL_ASSIGN_OR_RETURN(
          const Measurement measured,
          measure_all(function, format, spelling, executor, options.threads, progress));
      (void)std::fputc('\n', stderr);
      ANYMETAL_RETURN_IF_ERROR(keep(executor, function, format, spelling, measured, true));
    }
    return {};
  }

  Result<void> of(Executor executor) {
    for (const Format& format : formats()) {
      if (!wanted(options.types, format.name)) continue;
      for (const Spelling& spelling : spellings()) {
        if (!wanted(options.spellings, spelling.name)) continue;
        ANYMETAL_RETURN_IF_ERROR(options.all ? everything(executor, format, spelling)
                                             : samples(executor, format, spelling));
      }
    }
    return {};
  }

  Result<void> all_of_it() {
    for (const Executor executor : kExecutors) {
      if (wanted(options.executors, name_of(executor))) ANYMETAL_RETURN_IF_ERROR(of(executor));
    }
    if (options.page.empty()) return {};
    std::ofstream file(options.page);
    file << record.page();
    if (!file.flush()) return internal_error("can't write " + options.page);
    return {};
  }
};

int run(int count, char** words) {
  Options options;
  if (!read_options(count, words, options)) {
    (void)std::fputs(kUsage, stderr);
    return 2;
  }
  Run run{options, {}, true};
  Result<void> done;
  if (auto record = Record::read(options.record)) {
    run.record = std::move(*record);
    done = run.all_of_it();
  } else {
    done = record.error();
  }
  if (!done) (void)std::fprintf(stderr, "%s\n", done.error().text().c_str());
  return done.ok() && run.well ? 0 : 1;
}

}  // namespace
}  // namespace anymetal::accuracy

int main(int count, char** words) {
  return anymetal::accuracy::run(count, words);
}
