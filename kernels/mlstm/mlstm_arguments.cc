#include "mlstm/mlstm_arguments.h"

#include <limits>

namespace anymetal::kernels {
namespace {

mx::Shape with(mx::Shape shape, std::initializer_list<int> more) {
  for (const int each : more) shape.push_back(each);
  return shape;
}

std::string text_of(const mx::Shape& shape) {
  std::string text;
  for (const int each : shape) text += (text.empty() ? "[" : ", ") + std::to_string(each);
  return text.empty() ? "[]" : text + "]";
}

void need_shape(const Argument& argument, const mx::Shape& shape) {
  if (argument.value.shape() != shape) refuse(argument, "the shape " + text_of(shape));
}

}  // namespace

MlstmSizes check_mlstm(std::string_view function, const MlstmInputs& inputs,
                       const std::optional<MlstmState>& state, bool has_steps) {
  const size_t least = has_steps ? 2 : 1;
  const Argument q{function, "q", inputs.q}, v{function, "v", inputs.v};
  need_float(q);
  need_rank(q, least, 8);
  mx::Shape outer(inputs.q.shape().begin(), inputs.q.shape().end() - 1);
  need_rank(v, inputs.q.ndim(), inputs.q.ndim());
  MlstmSizes sizes{.leading = outer,
                   .heads = 1,
                   .steps = has_steps ? outer.back() : 1,
                   .columns = inputs.q.shape(-1),
                   .rows = inputs.v.shape(-1)};
  if (has_steps) sizes.leading.pop_back();
  need_same_dtype({function, "k", inputs.k}, q);
  need_same_dtype(v, q);
  need_same_dtype({function, "o", inputs.o}, q);
  need_shape({function, "k", inputs.k}, inputs.q.shape());
  need_shape(v, with(outer, {sizes.rows}));
  need_shape({function, "o", inputs.o}, inputs.v.shape());
  need_float({function, "log_i", inputs.log_i});
  need_float({function, "log_f", inputs.log_f});
  need_shape({function, "log_i", inputs.log_i}, outer);
  need_shape({function, "log_f", inputs.log_f}, outer);
  if (sizes.columns == 0) refuse(q, "a width of at least 1");
  if (state) {
    need_float32({function, "c", state->c});
    need_float32({function, "n", state->n});
    need_float32({function, "m", state->m});
    need_shape({function, "c", state->c}, with(sizes.leading, {sizes.rows, sizes.columns}));
    need_shape({function, "n", state->n}, with(sizes.leading, {sizes.columns}));
    need_shape({function, "m", state->m}, sizes.leading);
  }
  int64_t heads = 1;
  for (const int each : sizes.leading) heads *= each;
  if (heads * sizes.steps > INT32_MAX / 256 || int64_t{sizes.rows} * sizes.columns > INT32_MAX)
    refuse(q, "at most 2^23 steps of all heads, and heads of fewer than 2^31 elements");
  sizes.heads = static_cast<int>(heads);
  return sizes;
}

std::vector<mx::array> arrays_of(const MlstmInputs& inputs, const std::optional<MlstmState>& state,
                                 const MlstmSizes& sizes, const mx::StreamOrDevice& stream) {
  const auto wide = [&](const mx::array& gate) { return mx::astype(gate, mx::float32, stream); };
  const auto zeros = [&](std::initializer_list<int> more) {
    return mx::zeros(with(sizes.leading, more), mx::float32, stream);
  };
  return {inputs.q,
          inputs.k,
          inputs.v,
          inputs.o,
          wide(inputs.log_i),
          wide(inputs.log_f),
          state ? state->c : zeros({sizes.rows, sizes.columns}),
          state ? state->n : zeros({sizes.columns}),
          state ? state->m : zeros({})};
}

mx::array finite_or_zero(const mx::array& x, const mx::StreamOrDevice& stream) {
  const auto lowest = mx::array(-std::numeric_limits<float>::infinity());
  return mx::where(mx::equal(x, lowest, stream), mx::zeros_like(x, stream), x, stream);
}

}  // namespace anymetal::kernels
