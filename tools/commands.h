// The subcommands of `anymetal`. Each adds itself to the command line and, if it is chosen, sets
// the exit status.
#pragma once

#include <CLI/CLI.hpp>

#include "support/result.h"

namespace anymetal::tools {

/// Exit statuses, as `anymetal --help` lists them. Wrong usage is 2, whatever CLI11 calls it.
enum ExitStatus : int {
  kWell = 0,
  kWrongInput = 1,
  kWrongUsage = 2,
  kMachineLacks = 3,
  kOurFault = 4,
};

/// Prints the error on stderr and says what status it means.
int report(const Error& error);

void add_compile(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_cache(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_tune(CLI::App& app, int& status);
void add_port(CLI::App& app, int& status);
void add_lint(CLI::App& app, int& status);
void add_spot_test(CLI::App& app, int& status);

}  // namespace anymetal::tools
