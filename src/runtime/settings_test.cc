#include "runtime/settings.h"

#include <gtest/gtest.h>

#include <map>

namespace anymetal::runtime {
namespace {

Settings with(std::map<std::string, std::string> variables) {
  return Settings::from_environment([&](const char* name) -> const char* {
    auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Settings, DefaultsAreTheCpuExecutorWithChecks) {
  Settings s = with({{"HOME", "/home/ada"}});
  EXPECT_FALSE(s.invalid);
  EXPECT_EQ(s.executor, "cpu");
  EXPECT_EQ(s.bounds, backend::Bounds::robust);
  EXPECT_FALSE(s.timeout);
  EXPECT_EQ(s.cache_directory, "/home/ada/.cache/anymetal");
  EXPECT_EQ(s.cache_limit_bytes, uint64_t{1} << 30);
}

TEST(Settings, WhatOnlyOneExecutorDoesChoosesIt) {
  using backend::Bounds;
  struct Case {
    std::map<std::string, std::string> variables;
    std::string executor;
    Bounds bounds;
  };
  const Case cases[] = {
      {{{"ANYMETAL_EXECUTOR", "reference"}}, "reference", Bounds::error},
      {{{"ANYMETAL_EXECUTOR", "cpu"}}, "cpu", Bounds::robust},
      {{{"ANYMETAL_BOUNDS", "error"}}, "reference", Bounds::error},
      {{{"ANYMETAL_BOUNDS", "off"}}, "cpu", Bounds::off},
      {{{"ANYMETAL_BOUNDS", "robust"}}, "cpu", Bounds::robust},
      {{{"ANYMETAL_EXECUTOR", "cpu"}, {"ANYMETAL_BOUNDS", "error"}}, "cpu", Bounds::error},
      {{{"ANYMETAL_SCHEDULE_SEED", "7"}}, "reference", Bounds::error},
      {{{"ANYMETAL_SCHEDULE_SEED", "7"}, {"ANYMETAL_BOUNDS", "off"}}, "reference", Bounds::off},
      {{{"ANYMETAL_WARN", "coverage"}}, "cpu", Bounds::robust},
  };
  for (const Case& each : cases) {
    const Settings s = with(each.variables);
    EXPECT_FALSE(s.invalid) << each.variables.begin()->first;
    EXPECT_EQ(s.executor, each.executor) << each.variables.begin()->first;
    EXPECT_EQ(s.bounds, each.bounds) << each.variables.begin()->first;
  }
}

TEST(Settings, CacheDirectoryPrefersItsOwnVariableThenXdg) {
  EXPECT_EQ(with({{"XDG_CACHE_HOME", "/x"}, {"HOME", "/h"}}).cache_directory, "/x/anymetal");
  EXPECT_EQ(with({{"XDG_CACHE_HOME", "x"}, {"HOME", "/h"}}).cache_directory, "/h/.cache/anymetal");
  EXPECT_EQ(with({{"ANYMETAL_CACHE_DIR", "/own"}, {"XDG_CACHE_HOME", "/x"}}).cache_directory,
            "/own");
  EXPECT_EQ(with({}).cache_directory, "");
}

TEST(Settings, UnitsAreRead) {
  EXPECT_EQ(with({{"ANYMETAL_CACHE_SIZE", "2M"}}).cache_limit_bytes, 2u << 20);
  EXPECT_EQ(with({{"ANYMETAL_CACHE_SIZE", "0"}}).cache_limit_bytes, 0u);
  EXPECT_EQ(with({{"ANYMETAL_TIMEOUT", "0.25"}}).timeout, std::chrono::milliseconds(250));
  EXPECT_FALSE(with({{"ANYMETAL_TIMEOUT", "0"}}).timeout);
  EXPECT_EQ(with({{"ANYMETAL_COMPILE_TIMEOUT", "2"}}).compile_timeout, std::chrono::seconds(2));
  EXPECT_FALSE(with({{"ANYMETAL_TIMEOUT", "2"}}).compile_timeout);
}

TEST(Settings, WrongValuesAreNamedWithWhatIsRight) {
  auto message = [](const char* name, const char* value) {
    Settings s = with({{name, value}});
    return s.invalid ? s.invalid->message : "none";
  };
  EXPECT_EQ(message("ANYMETAL_EXECUTOR", "gpu"),
            "ANYMETAL_EXECUTOR=gpu is not valid: set it to one of cpu, reference, or unset it");
  EXPECT_EQ(message("ANYMETAL_BOUNDS", "maybe"),
            "ANYMETAL_BOUNDS=maybe is not valid: set it to one of robust, error, off, or unset it");
  EXPECT_EQ(
      message("ANYMETAL_TIMEOUT", "soon"),
      "ANYMETAL_TIMEOUT=soon is not valid: set it to a number of seconds such as 0.5 or 60 (0: no "
      "limit), or unset it");
  EXPECT_EQ(message("ANYMETAL_TRACE", "yes"),
            "ANYMETAL_TRACE=yes is not valid: set it to 1 or 0, or unset it");
  EXPECT_EQ(
      message("ANYMETAL_THREADS", "0"),
      "ANYMETAL_THREADS=0 is not valid: set it to a whole number from 1 to 1024, or unset it");
  EXPECT_EQ(message("ANYMETAL_GATES", "maybe"),
            "ANYMETAL_GATES=maybe is not valid: set it to one of on, off, or unset it");
  EXPECT_EQ(message("ANYMETAL_CPU", "avx512"),
            "ANYMETAL_CPU=avx512 is not valid: set it to one of avx2, sse4.2, or unset it");
  EXPECT_EQ(message("ANYMETAL_VERIFY", "all"),
            "ANYMETAL_VERIFY=all is not valid: set it to each, or unset it");
  EXPECT_EQ(message("ANYMETAL_STREAM_BYTES", "64K"),
            "ANYMETAL_STREAM_BYTES=64K is not valid: set it to a whole number from 0 to "
            "18446744073709551615, or unset it");
  EXPECT_EQ(message("ANYMETAL_STREAM_BYTES", "off"), "none");
  EXPECT_EQ(message("ANYMETAL_SCHEDULE_SEED", "abc"),
            "ANYMETAL_SCHEDULE_SEED=abc is not valid: set it to a whole number from 0 to "
            "18446744073709551615, or unset it");
  EXPECT_EQ(message("ANYMETAL_WARN", "races"),
            "ANYMETAL_WARN=races is not valid: set it to coverage, or unset it");
  const Settings seeded = with({{"ANYMETAL_EXECUTOR", "cpu"}, {"ANYMETAL_SCHEDULE_SEED", "7"}});
  EXPECT_EQ(seeded.invalid ? seeded.invalid->message : "none",
            "ANYMETAL_SCHEDULE_SEED=7 is not valid: set it to a number with "
            "ANYMETAL_EXECUTOR=reference, or unset it");
  EXPECT_EQ(message("ANYMETAL_CACHE_SIZE", "-1"),
            "ANYMETAL_CACHE_SIZE=-1 is not valid: set it to bytes such as 512M or 2G (0: no cache "
            "on disk), or "
            "unset it");
}

}  // namespace
}  // namespace anymetal::runtime
