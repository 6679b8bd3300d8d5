#include "api/mlx_prefix.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <unordered_map>
#include <vector>

// MLX builds its helpers into the Mac's library as one text: a script (make_compiled_preamble.sh)
// asks the compiler in which order the headers end, and joins their lines without `#include "..."`
// and `#pragma once`. Here the same text is made from the headers in the wheel. None of the quoted
// includes in utils.h and below stands in a condition, so reading the lines gives the compiler's
// order. What each file is called in messages comes from `#line`, as in MLX.

namespace anymetal::api {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRoot = "mlx/backend/metal/kernels/utils.h";

// Every signature may name these two, and Metal's own names unqualified, even if MLX isn't there.
// They are 16-bit types of Metal under the names that MLX's dtypes have in kernels.
constexpr std::string_view kOwnPrefix =
    "#line 1 \"anymetal prefix\"\n"
    "#include <metal_stdlib>\n"
    "using namespace metal;\n"
    "typedef half float16_t;\n"
    "typedef bfloat bfloat16_t;\n";

// Names that only MLX's helpers declare: a message about one of them, without MLX, has a simple
// remedy.
constexpr std::array kMlxNames{
    "complex64_t",
    "complex_t",
    "complex32_t",
    "elem_to_loc",
    "elem_to_loc_1",
    "elem_to_loc_2",
    "elem_to_loc_3",
    "elem_to_loc_2_nd",
    "elem_to_loc_3_nd",
    "LoopedElemToLoc",
    "Limits",
    "WorkPerThread",
    "ceildiv",
    "log1p",
    "ConditionalType",
    "cast_to",
    "is_complex_v",
    "MTL_CONST",
    "MLX_MTL_PRAGMA_UNROLL",
    "instantiate_kernel",
    "uint16_to_bfloat16",
    "bfloat16_to_uint16",
    "mlx",
    "hypot",
    "SOFTMAX_N_READS",
    "RMS_N_READS",
    "REDUCE_N_READS",
    "REDUCE_N_WRITES",
};

struct State {
  std::mutex mutex;
  std::string given;                                                      // set_mlx_include_dir
  std::unordered_map<std::string, std::shared_ptr<const Prefix>> by_dir;  // "" for our own
};

State& state() {
  static State state;
  return state;
}

/// `include "x.h"` → x.h, as MLX's script takes it.
std::optional<std::string> quoted_include(std::string_view line) {
  const size_t start = line.find("#include \"");
  if (start == std::string_view::npos) return std::nullopt;
  const size_t open = start + std::string_view("#include ").size();
  const size_t close = line.find('"', open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return std::string(line.substr(open + 1, close - open - 1));
}

/// Joins headers: those that one includes come before it.
class Joiner {
 public:
  explicit Joiner(fs::path include_dir) : include_dir_(std::move(include_dir)) {}

  Result<void> add(const std::string& header) {
    if (!seen_.insert(header).second) return {};
    std::ifstream in(include_dir_ / header, std::ios::binary);
    if (!in) return missing(header);
    std::string own = fmt::format("#line 1 \"{}\"\n", header);
    for (std::string line; std::getline(in, line);) {
      if (const auto include = quoted_include(line)) {
        ANYMETAL_RETURN_IF_ERROR(add(*include));
        line.clear();
      } else if (line.starts_with("#pragma once")) {
        line.clear();
      }
      // An empty line in place of the one left out keeps the numbers right.
      own += line + "\n";
    }
    text_ += own;
    return {};
  }

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  Error missing(const std::string& header) const {
    return {ErrorKind::environment,
            fmt::format("MLX's kernel header {} can't be read: install MLX's wheel again, `pip "
                        "install \"mlx[cpu]\"`, or "
                        "let ANYMETAL_MLX_INCLUDE name the folder `mlx/include` of a wheel",
                        (include_dir_ / header).string()),
            {}};
  }

  fs::path include_dir_;
  std::set<std::string> seen_;
  std::string text_;
};

bool has_headers(const fs::path& include_dir) {
  std::error_code ignored;
  return fs::exists(include_dir / kRoot, ignored);
}

/// The wheel's headers in the Python environment at `prefix`, such as /usr or a virtual
/// environment.
std::optional<std::string> headers_in(const fs::path& prefix) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(prefix / "lib", ignored)) {
    if (!entry.path().filename().string().starts_with("python3")) continue;
    for (const char* packages : {"site-packages", "dist-packages"}) {
      const fs::path include = entry.path() / packages / "mlx" / "include";
      if (has_headers(include)) return include.string();
    }
  }
  return std::nullopt;
}

/// The folder above `bin` of the first python3 in PATH, links followed as the interpreter does: a
/// virtual environment's python3 is a link out of it, so the unresolved place comes first.
std::optional<std::string> headers_of_path() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::error_code failed;
    const fs::path python = fs::path(folder) / "python3";
    if (!fs::exists(python, failed)) continue;
    if (auto found = headers_in(fs::path(folder).parent_path())) return found;
    const fs::path real = fs::canonical(python, failed);
    return failed ? std::nullopt : headers_in(real.parent_path().parent_path());
  }
  return std::nullopt;
}

/// The search costs a few system calls, and its answer is kept.
const std::string& found_dir() {
  static const std::string found = [] {
    if (const char* environment = std::getenv("VIRTUAL_ENV")) {
      if (auto dir = headers_in(environment)) return *dir;
    }
    return headers_of_path().value_or("");
  }();
  return found;
}

}  // namespace

void set_mlx_include_dir(std::string directory) {
  const std::lock_guard lock(state().mutex);
  state().given = std::move(directory);
}

std::string mlx_include_dir() {
  const char* variable = std::getenv("ANYMETAL_MLX_INCLUDE");
  if (variable != nullptr) return variable;
  {
    const std::lock_guard lock(state().mutex);
    if (!state().given.empty()) return state().given;
  }
  return found_dir();
}

Result<std::string> read_mlx_prefix(const std::string& include_dir) {
  Joiner joiner(include_dir);
  ANYMETAL_RETURN_IF_ERROR(joiner.add(std::string(kRoot)));
  return joiner.take();
}

Result<std::shared_ptr<const Prefix>> current_prefix() {
  const std::string dir = mlx_include_dir();
  {
    const std::lock_guard lock(state().mutex);
    const auto known = state().by_dir.find(dir);
    if (known != state().by_dir.end()) return known->second;
  }
  Prefix prefix{.text = std::string(kOwnPrefix), .from_mlx = false};
  if (!dir.empty()) {
    ANYMETAL_ASSIGN_OR_RETURN(prefix.text, read_mlx_prefix(dir));
    prefix.from_mlx = true;
  }
  const std::lock_guard lock(state().mutex);
  return state()
      .by_dir.emplace(dir, std::make_shared<const Prefix>(std::move(prefix)))
      .first->second;
}

std::string mlx_name_in(std::span<const Diagnostic> diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) {
    for (const char* name : kMlxNames) {
      if (diagnostic.message.find(fmt::format("'{}'", name)) != std::string::npos) return name;
    }
  }
  return "";
}

}  // namespace anymetal::api
