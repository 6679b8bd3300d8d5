// The `anymetal` that a wheel puts beside python3: starts the command in the installed package.
//
// The command is linked to the package's libanymetal.so and lies beside it. Only the way there from
// the folder of scripts isn't known when the wheel is made: it has the version of Python in it. So
// the package is looked for, in the places that pip, Debian's pip and `pip --target` have, seen
// from this file. If several versions of Python have it, the newest file is the one that came with
// us.
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr int kMachineLacks = 3;  // as tools/commands.h has it
constexpr const char* kPlaces[] = {"/lib*/python3*/site-packages", "/lib*/python3*/dist-packages",
                                   ""};

/// The folder above that of this program; empty: it can't be known.
std::string prefix() {
  char path[PATH_MAX];
  if (realpath("/proc/self/exe", path) == nullptr) return {};
  const std::string program = path;
  const size_t folder = program.rfind('/');
  return program.substr(0, program.rfind('/', folder - 1));
}

/// A prefix may have characters that mean something to glob.
std::string quoted(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string newest_command(const std::string& prefix) {
  std::string newest;
  struct timespec time{};
  for (const char* place : kPlaces) {
    const std::string pattern = quoted(prefix) + place + "/anymetal/bin/anymetal";
    glob_t found{};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc; ++i) {
        struct stat status{};
        if (stat(found.gl_pathv[i], &status) != 0) continue;
        const struct timespec& changed = status.st_mtim;
        if (!newest.empty() && (changed.tv_sec < time.tv_sec ||
                                (changed.tv_sec == time.tv_sec && changed.tv_nsec <= time.tv_nsec)))
          continue;
        newest = found.gl_pathv[i];
        time = changed;
      }
    }
    globfree(&found);
  }
  return newest;
}

}  // namespace

int main(int, char** argv) {
  const std::string folder = prefix();
  const std::string command = newest_command(folder);
  if (command.empty()) {
    std::fprintf(stderr,
                 "anymetal: the package isn't under %s; pip install --force-reinstall anymetal\n",
                 folder.c_str());
    return kMachineLacks;
  }
  execv(command.c_str(), argv);
  std::fprintf(stderr, "anymetal: %s can't be started\n", command.c_str());
  return kMachineLacks;
}
