// Which tiles a product takes. What comes in: sizes, the environment, the device's name. What goes
// out: one of the shapes below. Why this way: no shape is best everywhere, and what suits a device
// shows only when it is measured; so that is done once for each device and form, and remembered in
// a file of plain lines.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>

#include "gemm/gemm_launch.h"
#include "kernel/device_kind.h"
#include "kernel/remembered.h"

namespace anymetal::kernels {
namespace {

constexpr const char* kSmall = "64x64x32";

/// By form, and by whether the product is large.
enum class Form { ab, atb, abt };

Form form_of(GemmOptions options) {
  if (options.transpose_b) return Form::abt;
  return options.transpose_a ? Form::atb : Form::ab;
}

const char* name_of(Form form) {
  return form == Form::ab ? "AB" : form == Form::atb ? "ATB" : "ABT";
}

const GemmTile* find_tile(std::string_view name) {
  for (const auto& tile : gemm_tiles()) {
    if (tile.name == name) return &tile;
  }
  return nullptr;
}

std::string names_of_tiles() {
  std::string names;
  for (const auto& tile : gemm_tiles()) {
    if (!names.empty()) names += ", ";
    names += tile.name;
  }
  return names;
}

const GemmTile* tile_of_environment(Form form) {
  const std::string name = name_of(form);
  std::vector<std::string> variables;
  for (const std::string prefix : {"ANYMETAL_", "METALFAISS_"}) {
    variables.push_back(prefix + "GEMM_TILE_" + name);
    if (form == Form::ab) variables.push_back(prefix + "GEMM_TILE_AV");  // the guides' name
    variables.push_back(prefix + "GEMM_TILE");
  }
  for (const auto& variable : variables) {
    const char* value = std::getenv(variable.c_str());
    if (!value || !*value) continue;
    if (const auto* tile = find_tile(value)) return tile;
    throw std::invalid_argument("[anymetal.kernels.gemm] " + variable + ": '" + value +
                                "' was given; one of " + names_of_tiles() + " is wanted.");
  }
  return nullptr;
}

bool may_tune() {
  const char* value = std::getenv("ANYMETAL_GEMM_TUNE");
  return !value || std::string_view(value) != "off";
}

/// A GPU hides latencies by many threads with few registers; a processor wants its registers full
/// of sums, and long rows.
const GemmTile& tile_by_kind() {
  return *find_tile(runs_on_processor() ? "64x64" : "32x32");
}

struct Measured {
  double seconds;
  const GemmTile* tile;
};

/// The shortest of a few runs, one after another.
double measure(const GemmTile& tile, GemmOptions options, const mx::array& a, const mx::array& b) {
  const int n = a.shape(0);
  double best = 1e9;
  for (int run = 0; run < 6; ++run) {
    auto made =
        multiply(whole(a), whole(b), {.m = n, .n = n, .k = n, .options = options}, tile, {});
    const auto start = std::chrono::steady_clock::now();
    made.eval();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (run > 0) best = std::min(best, took.count());  // the first one compiles
  }
  return best;
}

std::vector<Measured> measure_all(Form form) {
  constexpr int kSize = 384;  // a multiple of all tiles
  const GemmOptions options{form == Form::atb, form == Form::abt};
  auto a = mx::random::normal({kSize, kSize}), b = mx::random::normal({kSize, kSize});
  mx::eval(a, b);
  std::vector<Measured> found;
  for (const auto& tile : gemm_tiles()) found.push_back({measure(tile, options, a, b), &tile});
  std::ranges::sort(found, {}, &Measured::seconds);
  return found;
}

/// What is known of each form, in this process.
struct Choices {
  std::mutex mutex;
  std::map<Form, const GemmTile*> tiles;
};

Choices& choices() {
  static auto& made = *new Choices;
  return made;
}

std::string key_of(Form form) {
  return std::string("gemm ") + name_of(form);
}

const GemmTile& tuned_tile(Form form) {
  auto& known = choices();
  std::lock_guard lock(known.mutex);
  auto& tile = known.tiles[form];
  if (tile) return *tile;
  if (const auto name = recall(key_of(form))) tile = find_tile(*name);
  if (!tile) {
    tile = measure_all(form).front().tile;
    remember(key_of(form), tile->name);
  }
  return *tile;
}

}  // namespace

const std::vector<GemmTile>& gemm_tiles() {
  // Rows x columns of a tile; those of the guides first, one element a thread, then register
  // blocks.
  static const auto& tiles = *new std::vector<GemmTile>{
      {"16x16", 16, 16, 1, 1, 16, 2}, {"8x32", 32, 8, 1, 1, 32, 2},  {"32x8", 8, 32, 1, 1, 32, 2},
      {"32x32", 16, 16, 2, 2, 16, 2}, {"32x64", 32, 8, 4, 2, 64, 1}, {"64x64", 32, 16, 4, 2, 64, 1},
      {kSmall, 32, 16, 4, 2, 32, 1},
  };
  return tiles;
}

const GemmTile& gemm_tile(int m, int n, int k, GemmOptions options) {
  constexpr int64_t kWorthTuning = 1 << 21;
  const Form form = form_of(options);
  if (const auto* tile = tile_of_environment(form)) return *tile;
  // Half of a tile would be zeros.
  if (runs_on_processor() && m <= 32) return *find_tile("32x64");
  if (runs_on_processor() && k <= 32) return *find_tile(kSmall);
  if (may_tune() && int64_t{m} * n * k >= kWorthTuning) return tuned_tile(form);
  return tile_by_kind();
}

std::vector<std::string> tune_gemm(GemmOptions options) {
  const Form form = form_of(options);
  const auto found = measure_all(form);
  auto& known = choices();
  std::lock_guard lock(known.mutex);
  known.tiles[form] = found.front().tile;
  remember(key_of(form), found.front().tile->name);
  std::vector<std::string> lines;
  for (const auto& [seconds, tile] : found) {
    std::ostringstream line;
    line << tile->name << "=" << seconds;
    lines.push_back(line.str());
  }
  return lines;
}

}  // namespace anymetal::kernels
