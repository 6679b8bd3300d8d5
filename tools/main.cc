// The command `anymetal`: runs scripts, shows what the compiler does, says how the machine is,
// keeps the cache. All of it is in the *_command.cc files; here they are put together, and errors
// become exit statuses.
#include <cstdio>

#include "tools/commands.h"

namespace anymetal::tools {

namespace {

int run(int argc, char** argv) {
  CLI::App app("Metal compute kernels on Linux.", "anymetal");
  app.set_version_flag("--version", "anymetal " ANYMETAL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  anymetal run script.py\n"
      "  anymetal compile kernels.metal --emit=llvm\n"
      "  anymetal doctor\n\n"
      "Exit status: 0 well; 1 the text or the kernel is wrong, or not supported yet; 2 wrong "
      "usage;\n"
      "3 the machine lacks something; 4 a fault of anymetal. `run` gives the script's.");
  int status = kWell;
  add_run(app, status);
  add_compile(app, status);
  add_doctor(app, status);
  add_cache(app, status);
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
