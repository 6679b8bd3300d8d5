// The command `anymetal`: runs and times scripts, shows what the compiler does, says how the
// machine is, keeps the cache. All of it is in the *_command.cc files; here they are put together,
// and errors become exit statuses.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "support/edit_distance.h"
#include "tools/commands.h"

namespace anymetal::tools {

namespace {

/// CLI11 would forgive a wrong first word if --help stands behind it. Whether it is wrong.
bool refuse_unknown_command(const CLI::App& app, std::string_view word) {
  if (word.starts_with('-')) return false;
  std::string nearest, all;
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    const std::string& name = command->get_name();
    if (name == word) return false;
    all += (all.empty() ? "" : ", ") + name;
    if (nearest.empty() || edit_distance(word, name) < edit_distance(word, nearest)) nearest = name;
  }
  const bool is_near = !nearest.empty() && edit_distance(word, nearest) <= 2;
  std::fprintf(
      stderr, "anymetal: there is no command '%.*s'; %s\n", static_cast<int>(word.size()),
      word.data(),
      is_near ? ("did you mean '" + nearest + "'?").c_str() : ("the commands are: " + all).c_str());
  return true;
}

int run(int argc, char** argv) {
  CLI::App app("Metal compute kernels on Linux.", "anymetal");
  app.set_version_flag("--version", "anymetal " ANYMETAL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  anymetal run script.py\n"
      "  anymetal bench script.py\n"
      "  anymetal lint src/\n"
      "  anymetal compile kernels.metal --emit=llvm\n"
      "  anymetal doctor\n\n"
      "Exit status: 0 well; 1 the text or the kernel is wrong, or not supported yet; 2 wrong "
      "usage;\n"
      "3 the machine lacks something; 4 a fault of anymetal. `run` gives the script's.");
  int status = kWell;
  add_run(app, status);
  add_bench(app, status);
  add_tune(app, status);
  add_port(app, status);
  add_lint(app, status);
  add_spot_test(app, status);
  add_compile(app, status);
  add_doctor(app, status);
  add_cache(app, status);
  if (argc > 1 && refuse_unknown_command(app, argv[1])) return kWrongUsage;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kWell : kWrongUsage;
  }
  return status;
}

}  // namespace
}  // namespace anymetal::tools

int main(int argc, char** argv) {
  try {
    return anymetal::tools::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "anymetal: internal error (please report it): %s\n", error.what());
    return anymetal::tools::kOurFault;
  }
}
