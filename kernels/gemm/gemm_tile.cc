// Which tiles a product takes. What comes in: sizes, the environment, the device's name. What goes
// out: one of the shapes below. Why this way: no shape is best everywhere, and what suits a device
// shows only when it is measured; so that is done once for each device and form, and remembered in
// a file of plain lines.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
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

/// Found on a machine that does other things, too: each turn is disturbed or isn't, and what isn't
/// is about as long each time. So shapes take turns, the shortest one of each counts, and a
/// shortest turn that was seen once is luck or not; one that was nearly reached again isn't.
struct Tuning {
  std::vector<Measured> found;  ///< the best one first
  bool is_sure = false;         ///< of the first one
};

class Tuner {
 public:
  explicit Tuner(Form form) : options_{form == Form::atb, form == Form::abt} {
    constexpr int kSize = 384;  // a multiple of all tiles
    a_ = mx::random::normal({kSize, kSize});
    b_ = mx::random::normal({kSize, kSize});
    mx::eval(a_, b_);
    for (const auto& tile : gemm_tiles()) candidates_.push_back({&tile, {}, 0});
  }

  Tuning run() {
    constexpr unsigned kLeastRounds = 6, kMostRounds = 60;
    constexpr double kMostSeconds = 0.5;
    for (const auto& candidate : candidates_) measure(*candidate.tile);  // compiles
    const auto start = Clock::now();
    for (unsigned round = 0; round < kMostRounds; ++round) {
      for (size_t turn = 0; turn < candidates_.size(); ++turn) {
        // Each begins a round in its turn: what ran before leaves its traces.
        auto& candidate = candidates_[(turn + round) % candidates_.size()];
        if (round < kLeastRounds || is_near(candidate)) add(candidate, measure(*candidate.tile));
      }
      if (round + 1 >= kLeastRounds && is_sure()) break;
      if (round + 1 >= kLeastRounds && seconds_since(start) > kMostSeconds) break;
    }
    Tuning tuning{.found = {}, .is_sure = is_sure()};
    for (const auto& candidate : candidates_)
      tuning.found.push_back({candidate.best, candidate.tile});
    std::ranges::sort(tuning.found, {}, &Measured::seconds);
    return tuning;
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Candidate {
    const GemmTile* tile;
    std::vector<double> turns;
    double best;
  };

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  static void add(Candidate& candidate, double seconds) {
    candidate.best = candidate.turns.empty() ? seconds : std::min(candidate.best, seconds);
    candidate.turns.push_back(seconds);
  }

  /// On a processor what its threads worked, for how long they waited for one says nothing of a
  /// shape; a GPU's time is the clock's.
  static double now() {
    if (runs_on_processor()) return double(std::clock()) / CLOCKS_PER_SEC;
    return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  }

  double measure(const GemmTile& tile) {
    const int n = a_.shape(0);
    auto made =
        multiply(whole(a_), whole(b_), {.m = n, .n = n, .k = n, .options = options_}, tile, {});
    const double start = now();
    made.eval();
    if (!runs_on_processor()) return now() - start;
    // What a thread works is counted when it sleeps; until then it looks out for more.
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    return now() - start;
  }

  double best() const { return std::ranges::min_element(candidates_, {}, &Candidate::best)->best; }

  /// Whether it may still become the best one.
  bool is_near(const Candidate& candidate) const { return candidate.best < 1.4 * best(); }

  /// All that may be the best have been seen at their shortest three times.
  bool is_sure() const {
    return std::ranges::all_of(candidates_, [&](const Candidate& candidate) {
      return !is_near(candidate) || std::ranges::count_if(candidate.turns, [&](double seconds) {
                                      return seconds < 1.04 * candidate.best;
                                    }) >= 3;
    });
  }

  GemmOptions options_;
  mx::array a_{0}, b_{0};
  std::vector<Candidate> candidates_;
};

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
    // What is doubtful serves this process: the next one may find the machine quiet.
    const auto tuning = Tuner(form).run();
    tile = tuning.found.front().tile;
    if (tuning.is_sure) remember(key_of(form), tile->name);
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
  const auto found = Tuner(form).run().found;
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
