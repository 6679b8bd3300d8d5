// Weights to begin with. Numbers are drawn on the CPU's default stream in the order of the names,
// so a seed gives the same ones everywhere.
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "anymetal_kernels/monarch_mixer.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {
namespace {

constexpr double kSlowest = 1.5,
                 kFastest = 0.3;  // parts of l_max after which a channel has decayed to kTarget
constexpr double kTarget = 1e-2;

class Drawn {
 public:
  explicit Drawn(uint64_t seed) : key_(mx::random::key(seed)) {}

  /// Uniform within +-1/sqrt(inputs), as PyTorch's layers begin.
  mx::array layer(const mx::Shape& shape, int inputs) {
    const float bound = 1.0F / std::sqrt(static_cast<float>(inputs));
    return mx::random::uniform(mx::array(-bound), mx::array(bound), shape, mx::float32, next());
  }
  mx::array normal(const mx::Shape& shape) {
    return mx::random::normal(shape, mx::float32, next());
  }

 private:
  mx::array next() {
    auto [left, right] = mx::random::split(key_);
    key_ = left;
    return right;
  }
  mx::array key_;
};

/// Time, and waves: cosines and negative sines of (emb_dim - 1) / 2 frequencies.
mx::array embedding(const MonarchSizes& sizes) {
  const int bands = (sizes.emb_dim - 1) / 2;
  const double last = bands - 1;
  std::vector<float> z;
  for (int t = 0; t < sizes.l_max; ++t) {
    const double turn = 2 * std::numbers::pi * t / sizes.l_max;
    const auto frequency = [&](int band) {
      return bands == 1 ? 1e-4 : 1e-4 + (last - 1e-4) * band / (bands - 1);
    };
    z.push_back(sizes.l_max == 1 ? 0.0F
                                 : static_cast<float>(t) / static_cast<float>(sizes.l_max - 1));
    for (int band = 0; band < bands; ++band)
      z.push_back(static_cast<float>(std::cos(frequency(band) * turn)));
    for (int band = 0; band < bands; ++band)
      z.push_back(static_cast<float>(-std::sin(frequency(band) * turn)));
  }
  return mx::array(z.begin(), {1, sizes.l_max, sizes.emb_dim}, mx::float32);
}

mx::array decays(int width) {
  const double slow = std::log(kTarget) / kSlowest, fast = std::log(kTarget) / kFastest;
  std::vector<float> deltas;
  for (int i = 0; i < width; ++i) {
    deltas.push_back(
        static_cast<float>(width == 1 ? slow : slow + (fast - slow) * i / (width - 1)));
  }
  return mx::array(deltas.begin(), {1, 1, width}, mx::float32);
}

void add_layers(MonarchWeights& weights, const std::string& name, const MonarchSizes& sizes,
                Drawn& drawn) {
  const auto frequency = mx::full({1, sizes.order}, sizes.w);
  int inputs = sizes.emb_dim;
  for (int layer = 0; layer + 1 < sizes.layers; ++layer, inputs = sizes.order) {
    const std::string here = name + "." + std::to_string(2 * layer);
    weights.emplace(here + ".weight", drawn.layer({sizes.order, inputs}, inputs));
    weights.emplace(here + ".bias", drawn.layer({sizes.order}, inputs));
    weights.emplace(name + "." + std::to_string(2 * layer + 1) + ".freq", frequency);
  }
  weights.emplace(name + "." + std::to_string(2 * (sizes.layers - 1)) + ".weight",
                  drawn.layer({sizes.d_model, inputs}, inputs));
}

void add_filter(MonarchWeights& weights, const std::string& name, const MonarchSizes& sizes,
                Drawn& drawn) {
  const auto z = embedding(sizes);
  weights.emplace(name + ".pos_emb.z", z);
  weights.emplace(name + ".pos_emb.t", mx::slice(z, {0, 0, 0}, {1, sizes.l_max, 1}));
  weights.emplace(name + ".modulation.deltas", decays(sizes.d_model));
  weights.emplace(name + ".bias", drawn.normal({sizes.d_model}));
  add_layers(weights, name + ".implicit_filter", sizes, drawn);
  if (sizes.bidirectional) add_layers(weights, name + ".implicit_filter_rev", sizes, drawn);
}

}  // namespace

MonarchWeights monarch_mixer_weights(const MonarchSizes& sizes, uint64_t seed) {
  constexpr std::string_view name = "monarch_mixer_weights";
  const auto need = [&](const char* argument, int value, bool is_right, const char* wanted) {
    if (!is_right) refuse(name, argument, std::to_string(value), wanted);
  };
  need("d_model", sizes.d_model, sizes.d_model >= 1, "at least 1");
  need("l_max", sizes.l_max, sizes.l_max >= 1, "at least 1");
  need("order", sizes.order, sizes.order >= 1, "at least 1");
  need("layers", sizes.layers, sizes.layers >= 1, "at least 1");
  need("emb_dim", sizes.emb_dim, sizes.emb_dim >= 3 && sizes.emb_dim % 2 == 1,
       "an odd number from 3 on (time, and pairs of waves)");
  Drawn drawn(seed);
  const int d = sizes.d_model;
  MonarchWeights weights;
  weights.emplace("in_linear.weight", drawn.layer({3 * d, d}, d));
  weights.emplace("in_linear.bias", drawn.layer({3 * d}, d));
  weights.emplace("short_filter.weight", drawn.layer({3 * d, 1, 3}, 3));
  weights.emplace("short_filter.bias", drawn.layer({3 * d}, 3));
  weights.emplace("out_linear.weight", drawn.layer({d, d}, d));
  weights.emplace("out_linear.bias", drawn.layer({d}, d));
  add_filter(weights, "filter_fn", sizes, drawn);
  if (sizes.residual) add_filter(weights, "filter_fn2", sizes, drawn);
  return weights;
}

}  // namespace anymetal::kernels
