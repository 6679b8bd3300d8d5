// The mixer of MLX's operations, its FFT among them, and of this library's products and short
// convolution. Each has its VJP, and so has the whole. Channels stand before steps inside, as both
// convolutions want them; the products give and take them so.
#include "anymetal_kernels/monarch_mixer.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "anymetal_kernels/depthwise_conv.h"
#include "anymetal_kernels/gemm.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {
namespace {

constexpr std::string_view kName = "monarch_mixer";

/// The weights, found by name, checked and in float32. What was never asked for is unknown.
class Named {
 public:
  Named(const MonarchWeights& weights, const std::string& prefix, mx::StreamOrDevice stream)
      : weights_(weights), prefix_(prefix), stream_(stream) {}

  [[nodiscard]] bool has(const std::string& name) const {
    return weights_.contains(prefix_ + name);
  }

  [[nodiscard]] bool has_any(const std::string& beginning) const {
    return std::any_of(weights_.begin(), weights_.end(), [&](const auto& each) {
      return each.first.starts_with(prefix_ + beginning);
    });
  }

  /// -1 in `shape`: any.
  mx::array get(const std::string& name, const std::vector<int>& shape) {
    const auto found = weights_.find(prefix_ + name);
    if (found == weights_.end()) {
      throw std::invalid_argument("[anymetal.kernels.monarch_mixer] weights: " + prefix_ + name +
                                  " is missing.");
    }
    used_.insert(found->first);
    const Argument argument{kName, found->first, found->second};
    need_float(argument);
    std::string wanted;
    bool fits = argument.value.ndim() == shape.size();
    for (size_t i = 0; i < shape.size(); ++i) {
      wanted += (i ? ", " : "") + (shape[i] < 0 ? "any" : std::to_string(shape[i]));
      fits = fits && (shape[i] < 0 || argument.value.shape(static_cast<int>(i)) == shape[i]);
    }
    if (!fits) refuse(argument, "the shape [" + wanted + "]");
    return mx::astype(found->second, mx::float32, stream_);
  }

  void refuse_unused() const {
    for (const auto& [name, value] : weights_) {
      if (name.starts_with(prefix_) && !used_.contains(name)) {
        throw std::invalid_argument("[anymetal.kernels.monarch_mixer] weights: " + name +
                                    " is none of the mixer's names.");
      }
    }
  }

 private:
  const MonarchWeights& weights_;
  const std::string& prefix_;
  mx::StreamOrDevice stream_;
  std::set<std::string> used_;
};

struct Mixer {
  Named& weights;
  int width, length;
  float w_mod;
  mx::StreamOrDevice s;

  [[nodiscard]] mx::array times_turned(const mx::array& a, const mx::array& b) const {
    return gemm(a, b, {.transpose_b = true}, s);
  }
  [[nodiscard]] mx::array column(const mx::array& x) const { return mx::expand_dims(x, -1, s); }
};

/// The first `length` rows of (1, l_max, width).
mx::array rows_of(const mx::array& embedding, const Mixer& at) {
  if (at.length > embedding.shape(1)) {
    refuse(kName, "u", "a length of " + std::to_string(at.length),
           "at most the " + std::to_string(embedding.shape(1)) + " steps of pos_emb");
  }
  return mx::reshape(mx::slice(embedding, {0, 0, 0}, {1, at.length, embedding.shape(2)}, at.s),
                     {at.length, embedding.shape(2)}, at.s);
}

/// (width, length): the filter that the layers under `name` make of z, without decay.
mx::array run_layers(const std::string& name, const mx::array& z, const Mixer& at) {
  mx::array h = z;
  for (int layer = 0;; layer += 2) {
    const std::string here = name + "." + std::to_string(layer);
    const bool is_last = !at.weights.has(name + "." + std::to_string(layer + 2) + ".weight");
    const auto w = at.weights.get(here + ".weight", {is_last ? at.width : -1, h.shape(-1)});
    if (is_last) return at.times_turned(w, h);
    const int order = w.shape(0);
    const auto bias = at.weights.get(here + ".bias", {order});
    const auto frequency =
        at.weights.get(name + "." + std::to_string(layer + 1) + ".freq", {1, order});
    const auto sum = mx::add(at.times_turned(h, w), bias, at.s);
    h = mx::sin(mx::multiply(mx::multiply(frequency, mx::array(at.w_mod), at.s), sum, at.s), at.s);
  }
}

/// The filter of both directions, as one period of 2 length: k, then k_rev from its end to its
/// beginning.
mx::array make_filter(const std::string& name, const Mixer& at) {
  const auto z = rows_of(at.weights.get(name + ".pos_emb.z", {1, -1, -1}), at);
  const auto t = rows_of(at.weights.get(name + ".pos_emb.t", {1, -1, 1}), at);
  const auto deltas = mx::reshape(at.weights.get(name + ".modulation.deltas", {1, 1, at.width}),
                                  {at.width, 1}, at.s);
  const auto decay = mx::exp(
      mx::negative(mx::multiply(mx::abs(deltas, at.s), mx::transpose(t, at.s), at.s), at.s), at.s);
  const auto k = mx::multiply(run_layers(name + ".implicit_filter", z, at), decay, at.s);
  if (!at.weights.has_any(name + ".implicit_filter_rev."))
    return mx::pad(k, {{0, 0}, {0, at.length}}, mx::array(0.0F), "constant", at.s);
  const auto back = mx::multiply(run_layers(name + ".implicit_filter_rev", z, at), decay, at.s);
  const auto turned =
      mx::slice(back, {0, at.length - 1}, {at.width, -at.length - 1}, {1, -1}, at.s);
  return mx::concatenate({k, turned}, 1, at.s);
}

/// x: (batch, width, length).
mx::array convolve_long(const mx::array& x, const std::string& name, const Mixer& at) {
  const int period = 2 * at.length;
  const auto filter =
      mx::fft::rfft(make_filter(name, at), period, -1, mx::fft::FFTNorm::Backward, at.s);
  const auto signal = mx::fft::rfft(x, period, -1, mx::fft::FFTNorm::Backward, at.s);
  const auto whole = mx::fft::irfft(mx::multiply(signal, filter, at.s), period, -1,
                                    mx::fft::FFTNorm::Backward, at.s);
  const auto y = mx::slice(whole, {0, 0, 0}, {x.shape(0), at.width, at.length}, at.s);
  const auto bias = at.column(at.weights.get(name + ".bias", {at.width}));
  return mx::add(y, mx::multiply(x, bias, at.s), at.s);
}

mx::array mix(const mx::array& u, const Mixer& at) {
  const int width = at.width, three = 3 * width;
  const auto& s = at.s;
  const auto in = at.weights.get("in_linear.weight", {three, width});
  const auto in_bias = at.column(at.weights.get("in_linear.bias", {three}));
  const auto streams = mx::add(at.times_turned(in, u), in_bias, s);  // (batch, 3 width, length)
  const auto taps = at.weights.get("short_filter.weight", {three, 1, -1});
  const auto mixed =
      depthwise_conv(streams, mx::squeeze(taps, 1, s), at.weights.get("short_filter.bias", {three}),
                     taps.shape(2) - 1, s);
  const auto parts = mx::split(mixed, 3, 1, s);
  mx::array y = mx::multiply(convolve_long(mx::multiply(parts[2], parts[0], s), "filter_fn", at),
                             parts[1], s);
  if (at.weights.has_any("filter_fn2."))
    y = mx::add(y, convolve_long(mx::swapaxes(u, 1, 2, s), "filter_fn2", at), s);
  const auto out = at.weights.get("out_linear.weight", {width, width});
  const auto result = at.times_turned(mx::swapaxes(y, 1, 2, s), out);
  return mx::add(result, at.weights.get("out_linear.bias", {width}), s);
}

}  // namespace

mx::array monarch_mixer(const mx::array& u, const MonarchWeights& weights,
                        const MonarchOptions& options, mx::StreamOrDevice stream) {
  need_float({kName, "u", u});
  need_rank({kName, "u", u}, 3, 3);
  if (u.size() == 0) return u;
  if (3 * uint64_t{u.size()} > INT32_MAX)
    refuse({kName, "u", u}, "fewer than 2^31 elements in all three streams");
  Named named(weights, options.prefix, stream);
  const Mixer mixer{named, u.shape(2), u.shape(1), options.w_mod, stream};
  const auto result = mix(mx::astype(u, mx::float32, stream), mixer);
  named.refuse_unused();
  return mx::astype(result, u.dtype(), stream);
}

}  // namespace anymetal::kernels
