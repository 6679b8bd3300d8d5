// The chunked form. Within a chunk every step sees the steps before it through a triangle of
// weights, so three products of matrices do its work; what comes from earlier chunks is one more
// product, with the state that they left. The states follow from each other by one multiply-add an
// element. Steps that fill up the last chunk have an input gate of 0.
#include <cmath>
#include <limits>

#include "anymetal_kernels/gemm.h"
#include "anymetal_kernels/mlstm.h"
#include "kernel/kernel.h"
#include "mlstm/mlstm_arguments.h"

namespace anymetal::kernels {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr int kRows = 8;  // of a threadgroup that gives each a simdgroup

struct Chunks {
  MlstmSizes sizes;
  int chunk, count;
  mx::StreamOrDevice stream;

  [[nodiscard]] int steps() const { return chunk * count; }
  [[nodiscard]] int all() const { return sizes.heads * count; }

  /// (..., steps, width) as (all chunks, chunk, width) in float32.
  [[nodiscard]] mx::array in_chunks(const mx::array& x) const {
    return mx::reshape(mx::astype(x, mx::float32, stream), {all(), chunk, x.shape(-1)}, stream);
  }
  [[nodiscard]] mx::array turned(const mx::array& x) const {
    return mx::swapaxes(x, -1, -2, stream);
  }
  [[nodiscard]] mx::array times(const mx::array& a, const mx::array& b) const {
    return mx::matmul(a, b, stream);
  }
  /// 1 / sqrt(width of q and k).
  [[nodiscard]] mx::array scale() const {
    return mx::array({1.0F / std::sqrt(static_cast<float>(sizes.columns))});
  }
};

/// The leading axes become one, and steps are added up to whole chunks. In and out: arrays_of's
/// order.
std::vector<mx::array> filled(const std::vector<mx::array>& in, const Chunks& at) {
  const auto& [sizes, chunk, count, s] = at;
  std::vector<mx::array> out;
  const int missing = at.steps() - sizes.steps;
  for (int i = 0; i < 4; ++i) {
    const auto flat = mx::reshape(in[i], {sizes.heads, sizes.steps, in[i].shape(-1)}, s);
    out.push_back(missing == 0 ? flat
                               : mx::pad(flat, {{0, 0}, {0, missing}, {0, 0}},
                                         mx::array(0.0F, in[i].dtype()), "constant", s));
  }
  for (int i = 4; i < 6; ++i) {
    const auto flat = mx::reshape(in[i], {sizes.heads, sizes.steps}, s);
    out.push_back(missing == 0 ? flat
                               : mx::pad(flat, {{0, 0}, {0, missing}},
                                         mx::array(i == 4 ? kNever : 0.0F), "constant", s));
  }
  out.push_back(mx::reshape(in[6], {sizes.heads, sizes.rows, sizes.columns}, s));
  out.push_back(mx::reshape(in[7], {sizes.heads, sizes.columns}, s));
  out.push_back(mx::reshape(in[8], {sizes.heads}, s));
  return out;
}

struct Gates {
  mx::array u, b, stabilizer, carried, kept, decay, m;
};

Gates launch_gates(const std::vector<mx::array>& in, const Chunks& at) {
  const mx::Shape each = {at.sizes.heads, at.steps()};
  const auto out = call_kernel(
      "mlstm_chunk_gates",
      {.inputs = {in[4], in[5], in[8], numbers({static_cast<uint32_t>(at.steps())})},
       .shapes = {each, each, each, each, each, {at.sizes.heads, at.count}, {at.sizes.heads}},
       .dtypes = std::vector<mx::Dtype>(7, mx::float32),
       .grid = {32, at.sizes.heads, 1},
       .threadgroup = {32, 1, 1},
       .arguments = {{"CHUNK", at.chunk}}},
      at.stream);
  return {out[0], out[1], out[2], out[3], out[4], out[5], out[6]};
}

/// The states before each chunk, and the last one. `update`: (all chunks, elements).
std::vector<mx::array> launch_states(const mx::array& initial, const mx::array& update,
                                     const mx::array& decay, const Chunks& at) {
  const int elements = static_cast<int>(initial.size() / static_cast<size_t>(at.sizes.heads));
  return call_kernel(
      "mlstm_chunk_states",
      {.inputs = {initial, update, decay,
                  numbers({static_cast<uint32_t>(elements), static_cast<uint32_t>(at.count)})},
       .shapes = {{at.all(), elements}, initial.shape()},
       .dtypes = {mx::float32, mx::float32},
       .grid = {elements, at.sizes.heads, 1},
       .threadgroup = {std::min(256, elements), 1, 1}},
      at.stream);
}

/// Keys as the state takes them, (all chunks, chunk, width), and their sums, (all chunks, width).
std::vector<mx::array> launch_keys(const mx::array& k, const mx::array& kept, const Chunks& at) {
  const int columns = at.sizes.columns;
  return call_kernel(
      "mlstm_chunk_keys",
      {.inputs = {k, kept, at.scale(),
                  numbers({static_cast<uint32_t>(columns), static_cast<uint32_t>(at.chunk)})},
       .shapes = {{at.all(), at.chunk, columns}, {at.all(), columns}},
       .dtypes = {mx::float32, mx::float32},
       .grid = {columns, at.all(), 1},
       .threadgroup = {std::min(256, columns), 1, 1},
       .arguments = {{"T", k.dtype()}}},
      at.stream);
}

/// Out: c, n, m, h with whole chunks.
std::vector<mx::array> launch_all(const std::vector<mx::array>& in, const Chunks& at) {
  const auto& [sizes, chunk, count, s] = at;
  const Gates gates = launch_gates(in, at);
  const auto q = at.in_chunks(in[0]), k = at.in_chunks(in[1]), v = at.in_chunks(in[2]);
  const auto keys = launch_keys(in[1], gates.kept, at);
  // C lies turned here, so that the product with q reads it along its rows.
  const auto c =
      launch_states(at.turned(in[6]), gemm(keys[0], v, {.transpose_a = true}, s), gates.decay, at);
  const auto n = launch_states(in[7], keys[1], gates.decay, at);
  const auto weights = call_kernel(
      "mlstm_chunk_weights",
      {.inputs = {gemm(q, k, {.transpose_b = true}, s), gates.u, gates.stabilizer, at.scale()},
       .shapes = {{at.all(), chunk, chunk}, {at.all(), chunk}},
       .dtypes = {mx::float32, mx::float32},
       .grid = {32, chunk, at.all()},
       .threadgroup = {32, kRows, 1},
       .arguments = {{"CHUNK", chunk}}},
      s);
  const auto before = mx::reshape(c[0], {at.all(), sizes.columns, sizes.rows}, s);
  const auto h = call_kernel(
      "mlstm_chunk_outputs",
      {.inputs = {in[0], in[3], n[0], gemm(weights[0], v, {}, s), gemm(q, before, {}, s),
                  gates.carried, weights[1], gates.b, gates.stabilizer,
                  numbers({static_cast<uint32_t>(sizes.columns), static_cast<uint32_t>(sizes.rows),
                           static_cast<uint32_t>(chunk)})},
       .shapes = {in[2].shape()},
       .dtypes = {in[0].dtype()},
       .grid = {32, sizes.heads * at.steps(), 1},
       .threadgroup = {32, kRows, 1},
       .arguments = {{"T", in[0].dtype()}}},
      s);
  return {at.turned(c[1]), n[1], gates.m, h[0]};
}

/// A chunk in MLX's operations, for the VJP. The stabilisers of its steps cancel out of h, so they
/// count as constants; that of the state doesn't. Appends the chunk's h, and steps the state on.
void chunk_in_operations(const std::vector<mx::array>& in, const Chunks& at, int chunk,
                         std::vector<mx::array>& state, std::vector<mx::array>& outputs) {
  const auto& s = at.stream;
  const int first = chunk * at.chunk, heads = at.sizes.heads;
  const auto part = [&](int i) {
    mx::Shape start(in[i].ndim(), 0), stop = in[i].shape();
    start[1] = first, stop[1] = first + at.chunk;
    return mx::astype(mx::slice(in[i], start, stop, s), mx::float32, s);
  };
  const auto column = [&](const mx::array& x) { return mx::expand_dims(x, -1, s); };
  const auto row = [&](const mx::array& x) { return mx::expand_dims(x, -2, s); };
  const float scale = 1.0F / std::sqrt(static_cast<float>(at.sizes.columns));
  const auto q = part(0), k = mx::multiply(part(1), mx::array(scale), s), v = part(2), o = part(3);
  const auto log_i = part(4), b = mx::cumsum(part(5), 1, false, true, s);
  const auto u = mx::subtract(log_i, b, s);
  const auto most = mx::maximum(state[2], mx::max(u, 1, false, s), s);
  const auto last = mx::squeeze(mx::slice(b, {0, at.chunk - 1}, {heads, at.chunk}, s), 1, s);
  const auto earlier = mx::tri(at.chunk, at.chunk, 0, mx::bool_, s);
  const auto spread = mx::where(earlier, row(u), mx::array(kNever), s);
  const auto c_t = finite_or_zero(
      mx::stop_gradient(mx::maximum(column(state[2]), mx::max(spread, -1, false, s), s), s), s);
  const auto weights = mx::exp(mx::subtract(spread, column(c_t), s), s);
  const auto scores = mx::multiply(weights, at.times(q, at.turned(k)), s);
  const auto carried = mx::exp(mx::subtract(column(state[2]), c_t, s), s);
  const auto along_n =
      mx::add(mx::sum(scores, -1, false, s),
              mx::multiply(carried, mx::squeeze(at.times(q, column(state[1])), -1, s), s), s);
  const auto divisor =
      mx::maximum(mx::abs(along_n, s), mx::exp(mx::negative(mx::add(b, c_t, s), s), s), s);
  const auto sums = mx::add(at.times(scores, v),
                            mx::multiply(column(carried), at.times(q, at.turned(state[0])), s), s);
  outputs.push_back(mx::multiply(o, mx::divide(sums, column(divisor), s), s));
  const auto most_of_gates = finite_or_zero(most, s);
  const auto decay = mx::exp(mx::subtract(state[2], most_of_gates, s), s);
  const auto kept = mx::exp(mx::subtract(u, column(most_of_gates), s), s);
  const auto keys = mx::multiply(k, column(kept), s);
  state[0] =
      mx::add(mx::multiply(column(column(decay)), state[0], s), at.times(at.turned(v), keys), s);
  state[1] = mx::add(mx::multiply(column(decay), state[1], s), mx::sum(keys, 1, false, s), s);
  state[2] = mx::add(last, most, s);
}

std::vector<mx::array> all_in_operations(const std::vector<mx::array>& in, const Chunks& at) {
  std::vector<mx::array> state = {in[6], in[7], in[8]}, outputs;
  for (int chunk = 0; chunk < at.count; ++chunk) chunk_in_operations(in, at, chunk, state, outputs);
  const auto h = mx::astype(mx::concatenate(outputs, 1, at.stream), in[0].dtype(), at.stream);
  return {state[0], state[1], state[2], h};
}

}  // namespace

std::pair<mx::array, MlstmState> mlstm_sequence(const MlstmInputs& inputs,
                                                const std::optional<MlstmState>& state, int chunk,
                                                mx::StreamOrDevice stream) {
  const auto sizes = check_mlstm("mlstm_sequence", inputs, state, true);
  if (chunk != 32 && chunk != 64 && chunk != 128 && chunk != 256)
    refuse("mlstm_sequence", "chunk", std::to_string(chunk), "32, 64, 128 or 256");
  const auto arrays = arrays_of(inputs, state, sizes, stream);
  if (sizes.heads == 0 || sizes.steps == 0 || sizes.rows == 0)
    return {inputs.v, {arrays[6], arrays[7], arrays[8]}};
  const Chunks at{sizes, chunk, (sizes.steps - 1) / chunk + 1, stream};
  const auto call =
      mx::custom_vjp([at](const std::vector<mx::array>& in) { return launch_all(in, at); },
                     [at](const std::vector<mx::array>& in,
                          const std::vector<mx::array>& cotangents, const std::vector<mx::array>&) {
                       const auto again = [&](const std::vector<mx::array>& each) {
                         return all_in_operations(each, at);
                       };
                       return mx::vjp(again, in, cotangents).second;
                     });
  const auto out = call(filled(arrays, at));
  const auto h = mx::slice(out[3], {0, 0, 0}, {sizes.heads, sizes.steps, sizes.rows}, stream);
  return {mx::reshape(h, inputs.v.shape(), stream),
          {mx::reshape(out[0], arrays[6].shape(), stream),
           mx::reshape(out[1], arrays[7].shape(), stream),
           mx::reshape(out[2], arrays[8].shape(), stream)}};
}

}  // namespace anymetal::kernels
