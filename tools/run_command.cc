// `anymetal run`, `bench`, `tune`, `lint`, `port` and `spot-test`: hand over to Python, where the
// package puts Metal kernels into MLX, or reads what would be put there.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tools/commands.h"

namespace anymetal::tools {
namespace {

namespace fs = std::filesystem;

/// Installed by a wheel, this program is PREFIX/lib/python3.x/site-packages/anymetal/bin/anymetal,
/// and its Python PREFIX/bin/python3. Empty: not installed so.
std::string own_python(const fs::path& program) {
  std::error_code error;
  const fs::path package = program.parent_path().parent_path();
  if (!fs::exists(package / "__init__.py", error)) return {};
  const fs::path library = package.parent_path().parent_path();
  for (const fs::path& name : {library.filename(), fs::path("python3")}) {
    const fs::path python = library.parent_path().parent_path() / "bin" / name;
    if (fs::exists(python, error)) return python.string();
  }
  return {};
}

/// ANYMETAL_PYTHON; the one that has this package; that of the active environment; what the shell
/// would find.
std::string python() {
  if (const char* named = std::getenv("ANYMETAL_PYTHON")) return named;
  std::error_code error;
  std::string own = own_python(fs::read_symlink("/proc/self/exe", error));
  if (!own.empty()) return own;
  if (const char* environment = std::getenv("VIRTUAL_ENV")) {
    return std::string(environment) + "/bin/python3";
  }
  return "python3";
}

/// In a build folder the package lies beside this program's folder; installed, Python knows it.
void show_own_package() {
  std::error_code error;
  const auto program = fs::read_symlink("/proc/self/exe", error);
  const auto package = program.parent_path().parent_path() / "python";
  if (error || !fs::exists(package / "anymetal" / "__init__.py", error)) return;
  const char* before = std::getenv("PYTHONPATH");
  const std::string path = package.string() + (before != nullptr ? std::string(":") + before : "");
  setenv("PYTHONPATH", path.c_str(), 1);
}

/// `module` of the package gets all the arguments.
int run(const char* module, const std::vector<std::string>& arguments) {
  show_own_package();
  const std::string program = python();
  std::vector<const char*> words{program.c_str(), "-m", module};
  for (const std::string& argument : arguments) words.push_back(argument.c_str());
  words.push_back(nullptr);
  execvp(program.c_str(), const_cast<char**>(words.data()));
  return report(
      {.kind = ErrorKind::environment,
       .message = fmt::format("{} can't be started ({}); ANYMETAL_PYTHON may name another", program,
                              std::strerror(errno))});
}

}  // namespace

void add_run(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "run", "Runs a Python script whose Metal kernels then work on this machine");
  command->prefix_command();
  command->footer(
      "Everything after `run` goes to `python3 -m anymetal`, and the exit status is the "
      "script's.\n\n"
      "Examples:\n  anymetal run script.py --steps 10\n  ANYMETAL_TRACE=1 anymetal run script.py");
  command->callback([command, &status] {
    if (command->remaining().empty()) {
      status = report(user_error("which script? anymetal run script.py"));
      status = kWrongUsage;
      return;
    }
    status = run("anymetal", command->remaining());
  });
}

void add_bench(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "bench", "Times the kernels of a script or of a file, beside what the machine can do");
  command->prefix_command();
  command->set_help_flag();  // the other side has the options, and shows them
  command->callback([command, &status] { status = run("anymetal._bench", command->remaining()); });
}

void add_tune(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "tune", "Searches the fastest threadgroups and declared values, and remembers them");
  command->prefix_command();
  command->set_help_flag();
  command->callback([command, &status] { status = run("anymetal._tune", command->remaining()); });
}

void add_port(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "port",
      "Makes the kernels of a .metal file modules for mx.fast.metal_kernel, and proves them");
  command->prefix_command();
  command->set_help_flag();
  command->callback([command, &status] { status = run("anymetal._port", command->remaining()); });
}

void add_lint(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "lint", "Finds what goes wrong in MLX code and Metal kernels, without running them");
  command->prefix_command();
  command->set_help_flag();
  command->callback([command, &status] { status = run("anymetal.lint", command->remaining()); });
}

void add_spot_test(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "spot-test", "Checks whether the patterns that guides advise pay on this machine");
  command->prefix_command();
  command->set_help_flag();
  command->callback(
      [command, &status] { status = run("anymetal._spot_test", command->remaining()); });
}

}  // namespace anymetal::tools
