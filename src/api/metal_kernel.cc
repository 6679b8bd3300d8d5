#include "anymetal/metal_kernel.hpp"

#include <cstdio>
#include <mutex>
#include <unordered_map>

#include "api/launch.h"
#include "api/raise.h"

// The C++ edge: arguments are checked as MLX checks them, arrays become what launch.h takes, and
// errors become exceptions.

namespace anymetal {

class MetalKernel::State {
 public:
  explicit State(api::KernelDefinition definition) : family(std::move(definition)) {}

  /// Signatures of one family are unique, so their address is the key.
  Result<std::shared_ptr<const api::PreparedKernel>> prepared(
      const std::shared_ptr<const api::Signature>& signature) {
    {
      const std::lock_guard lock(mutex_);
      const auto known = kernels_.find(signature.get());
      if (known != kernels_.end()) return known->second;
    }
    ANYMETAL_ASSIGN_OR_RETURN(auto kernel, api::prepare(signature));
    const std::lock_guard lock(mutex_);
    kernels_.emplace(signature.get(), kernel);
    return kernel;
  }

  api::KernelFamily family;

 private:
  std::mutex mutex_;
  std::unordered_map<const api::Signature*, std::shared_ptr<const api::PreparedKernel>> kernels_;
};

namespace {

void require_size(std::string_view what, size_t expected, size_t actual) {
  if (auto complaint = api::size_complaint(what, expected, actual))
    throw std::invalid_argument(*complaint);
}

void require_shape(const std::string& what, const Shape& shape) {
  for (const int64_t extent : shape)
    if (auto complaint = api::dimension_complaint(what, extent))
      throw std::invalid_argument(*complaint);
}

void check(const api::KernelDefinition& definition, const MetalKernelCall& call) {
  require_size("inputs", definition.input_names.size(), call.inputs.size());
  if (!call.outputs.empty()) {
    require_size("outputs", definition.output_names.size(), call.outputs.size());
    if (!call.output_shapes.empty() || !call.output_dtypes.empty()) {
      throw std::invalid_argument(
          "[metal_kernel] Give either `outputs` or `output_shapes` and `output_dtypes`, not both.");
    }
  } else {
    require_size("output_shapes", definition.output_names.size(), call.output_shapes.size());
    require_size("output_dtypes", definition.output_names.size(), call.output_dtypes.size());
  }
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const ArrayView& input = call.inputs[i];
    const std::string what = "input `" + definition.input_names[i] + "`";
    require_shape(what, input.shape);
    if (!input.strides.empty() && input.strides.size() != input.shape.size()) {
      throw std::invalid_argument("[metal_kernel] " + what + " has " +
                                  std::to_string(input.shape.size()) + " dimensions and " +
                                  std::to_string(input.strides.size()) + " strides.");
    }
    if (input.data == nullptr && input.size() > 0) {
      throw std::invalid_argument("[metal_kernel] " + what + " has no memory (data is null).");
    }
  }
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const std::string what = "output `" + definition.output_names[i] + "`";
    require_shape(what, call.outputs[i].shape);
    if (call.outputs[i].data == nullptr && call.outputs[i].size() > 0) {
      throw std::invalid_argument("[metal_kernel] " + what + " has no memory (data is null).");
    }
  }
  for (size_t i = 0; i < call.output_shapes.size(); ++i) {
    require_shape("output `" + definition.output_names[i] + "`", call.output_shapes[i]);
  }
}

std::shared_ptr<const api::Signature> signature_of(api::KernelFamily& family,
                                                   const MetalKernelCall& call) {
  std::vector<api::InputType> inputs;
  inputs.reserve(call.inputs.size());
  for (const ArrayView& input : call.inputs) {
    inputs.push_back({.dtype = input.dtype, .ndim = input.shape.size(), .size = input.size()});
  }
  std::vector<Dtype> outputs = call.output_dtypes;
  for (const MutableArrayView& output : call.outputs) outputs.push_back(output.dtype);
  return family.signature(inputs, outputs, call.template_args);
}

/// An input as the kernel gets it: the caller's memory, or a copy of it.
class BoundInput {
 public:
  BoundInput(const ArrayView& view, bool ensure_row_contiguous)
      : data_(view.data), dtype_(view.dtype) {
    shape_.assign(view.shape.begin(), view.shape.end());
    strides_ = view.strides.empty() ? row_major_strides(view.shape) : view.strides;
    if (ensure_row_contiguous && !api::is_row_contiguous(view.shape, strides_)) {
      copy_ = Array(view.dtype, view.shape);
      api::copy_row_major(view.data, view.shape, strides_, size_of(dtype_), copy_.data());
      data_ = copy_.data();
      strides_ = row_major_strides(view.shape);
    }
    reach(view.shape);
  }

  [[nodiscard]] api::InputBuffer buffer() const {
    return {.data = data_, .bytes = bytes_, .dtype = dtype_, .shape = shape_, .strides = strides_};
  }

 private:
  /// The bytes from the first element on to behind the furthest one. Negative strides lead before
  /// `data`: the kernel must not follow them there without a copy, and a read there is out of
  /// bounds.
  void reach(const Shape& shape) {
    int64_t last = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] == 0) return;
      if (strides_[d] > 0) last += (shape[d] - 1) * strides_[d];
    }
    bytes_ = static_cast<uint64_t>(last + 1) * size_of(dtype_);
  }

  const void* data_;
  Dtype dtype_;
  uint64_t bytes_ = 0;
  std::vector<int32_t> shape_;
  Strides strides_;
  Array copy_;
};

struct BoundOutput {
  explicit BoundOutput(const MutableArrayView& view)
      : shape(view.shape.begin(), view.shape.end()),
        buffer{view.data, view.size() * size_of(view.dtype), view.dtype, shape} {}
  std::vector<int32_t> shape;
  api::OutputBuffer buffer;
};

void refuse_float64(const MetalKernelCall& call, const std::vector<MutableArrayView>& outputs) {
  const auto refuse = [](Dtype dtype) {
    if (dtype == Dtype::float64) throw std::invalid_argument(std::string(api::kNoFloat64));
  };
  for (const ArrayView& input : call.inputs) refuse(input.dtype);
  for (const MutableArrayView& output : outputs) refuse(output.dtype);
}

void run(const api::PreparedKernel& kernel, const api::KernelDefinition& definition,
         const MetalKernelCall& call, const std::vector<MutableArrayView>& outputs) {
  if (auto complaint = api::threadgroup_complaint(kernel, call.threadgroup))
    throw std::invalid_argument(*complaint);
  std::vector<BoundInput> bound_inputs;
  bound_inputs.reserve(call.inputs.size());  // their buffers point into them
  std::vector<api::InputBuffer> inputs;
  for (const ArrayView& input : call.inputs) {
    inputs.push_back(bound_inputs.emplace_back(input, definition.ensure_row_contiguous).buffer());
  }
  std::vector<BoundOutput> bound_outputs;
  bound_outputs.reserve(outputs.size());
  std::vector<api::OutputBuffer> buffers;
  for (const MutableArrayView& output : outputs)
    buffers.push_back(bound_outputs.emplace_back(output).buffer);
  const Result<void> done = api::launch(kernel, {.inputs = inputs,
                                                 .outputs = buffers,
                                                 .grid = call.grid,
                                                 .threadgroup = call.threadgroup,
                                                 .init_value = call.init_value});
  if (!done) api::raise_at_call(done.error());
}

}  // namespace

std::vector<Array> MetalKernel::operator()(const MetalKernelCall& call) const {
  const api::KernelDefinition& definition = state_->family.definition();
  check(definition, call);
  const auto signature = signature_of(state_->family, call);
  if (call.verbose) std::fputs(api::verbose_text(*signature).c_str(), stdout);

  std::vector<Array> arrays;
  std::vector<MutableArrayView> outputs = call.outputs;
  for (size_t i = 0; i < call.output_shapes.size(); ++i) {
    arrays.emplace_back(call.output_dtypes[i], call.output_shapes[i]);
    outputs.push_back(arrays.back().mutable_view());
  }
  refuse_float64(call, outputs);
  const auto kernel = state_->prepared(signature);
  if (!kernel) api::raise(kernel.error());
  run(**kernel, definition, call, outputs);
  return arrays;
}

std::string MetalKernel::generated_text(const MetalKernelCall& call) const {
  check(state_->family.definition(), call);
  return signature_of(state_->family, call)->text;
}

MetalKernel metal_kernel(MetalKernelOptions options) {
  if (options.output_names.empty()) throw std::invalid_argument(std::string(api::kNoOutputs));
  return MetalKernel(std::make_shared<MetalKernel::State>(
      api::KernelDefinition{.name = std::move(options.name),
                            .input_names = std::move(options.input_names),
                            .output_names = std::move(options.output_names),
                            .source = std::move(options.source),
                            .header = std::move(options.header),
                            .ensure_row_contiguous = options.ensure_row_contiguous,
                            .atomic_outputs = options.atomic_outputs,
                            .math_mode = options.math_mode}));
}

}  // namespace anymetal
