#include "mlx/kernel_primitive.h"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "mlx/failures.h"
#include "runtime/runtime.h"

namespace anymetal::mlx {
namespace {

std::atomic<uint64_t> launch_count{0};

/// An input as the run will need it, when the array itself may be gone.
struct Input {
  std::shared_ptr<mx::array::Data> keep;
  const void* data = nullptr;
  uint64_t bytes = 0;
  Dtype dtype = Dtype::float32;
  std::vector<int32_t> shape;
  std::vector<int64_t> strides;
  bool copy = false;  ///< to row-major first
};

struct Output {
  std::shared_ptr<mx::array::Data> keep;
  void* data = nullptr;
  uint64_t bytes = 0;
  Dtype dtype = Dtype::float32;
  std::vector<int32_t> shape;
};

struct Job {
  std::shared_ptr<const api::PreparedKernel> kernel;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::array<int, 3> grid;
  std::array<int, 3> threadgroup;
  std::optional<float> init_value;
  mx::Stream stream;
  std::shared_ptr<Risk> risk;
  uint64_t interrupts;  ///< so many there had been when it was asked for
};

[[noreturn]] void throw_error(const Error& error) {
  throw std::runtime_error(error.text());
}

/// Empty arrays have no memory, and null would mean that nothing is bound.
alignas(64) std::byte nothing[64];

/// Bytes from the first element to the end of the last one.
uint64_t extent_of(const mx::array& array) {
  if (array.size() == 0) return 0;
  if (array.flags().row_contiguous) return array.nbytes();
  int64_t last = 0;
  for (size_t i = 0; i < array.ndim(); ++i)
    last += int64_t{array.shape()[i] - 1} * array.strides()[i];
  return static_cast<uint64_t>(last + 1) * array.itemsize();
}

bool runs_backwards(const mx::array& array) {
  for (const auto stride : array.strides()) {
    if (stride < 0) return true;
  }
  return false;
}

Input make_input(const mx::array& array, bool ensure_row_contiguous) {
  Input input;
  input.keep = array.data_shared_ptr();
  input.data = array.size() ? array.data<void>() : nothing;
  // MLX's own operations go on without the memory that they didn't get.
  if (!input.data)
    throw std::runtime_error("[metal_kernel] An input of " + std::to_string(array.nbytes()) +
                             " bytes has no memory: it could not be allocated.");
  input.dtype = dtype_of(array.dtype());
  input.shape.assign(array.shape().begin(), array.shape().end());
  input.strides.assign(array.strides().begin(), array.strides().end());
  // A view that runs backwards starts at its end, so part of it lies before its pointer, where a
  // buffer can't reach: it is copied in any case, and the kernel sees the strides of the copy.
  input.copy = array.size() && !array.flags().row_contiguous &&
               (ensure_row_contiguous || runs_backwards(array));
  if (!input.copy) input.bytes = extent_of(array);
  return input;
}

Output make_output(mx::array& array) {
  Output output;
  output.shape.assign(array.shape().begin(), array.shape().end());
  // Of functions that were imported, nobody has asked.
  for (const int64_t dimension : output.shape)
    if (auto complaint = api::dimension_complaint("an output", dimension))
      throw std::invalid_argument(*complaint);
  allocate(array);
  output.keep = array.data_shared_ptr();
  output.data = array.size() ? array.data<void>() : nothing;
  output.bytes = array.nbytes();
  output.dtype = dtype_of(array.dtype());
  return output;
}

std::unique_ptr<std::byte[]> copy_of(Input& input) {
  const std::vector<int64_t> shape(input.shape.begin(), input.shape.end());
  uint64_t count = 1;
  for (size_t i = shape.size(); i-- > 0;) count *= shape[i];
  const size_t item = size_of(input.dtype);
  auto memory = std::make_unique<std::byte[]>(count * item);
  api::copy_row_major(input.data, shape, input.strides, item, memory.get());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    input.strides[i] = stride;
    stride *= shape[i];
  }
  input.data = memory.get();
  input.bytes = count * item;
  return memory;
}

void run(Job& job) {
  std::vector<std::unique_ptr<std::byte[]>> copies;
  std::vector<api::InputBuffer> inputs;
  for (auto& input : job.inputs) {
    if (input.copy) copies.push_back(copy_of(input));
    inputs.push_back({input.data, input.bytes, input.dtype, input.shape, input.strides});
  }
  std::vector<api::OutputBuffer> outputs;
  for (const auto& output : job.outputs) {
    outputs.push_back({output.data, output.bytes, output.dtype, output.shape});
  }
  api::Call call;
  call.inputs = inputs;
  call.outputs = outputs;
  call.grid = job.grid;
  call.threadgroup = job.threadgroup;
  call.init_value = job.init_value;
  const auto result = api::launch(*job.kernel, call);
  if (!result.ok()) throw_error(result.error());
  launch_count.fetch_add(1, std::memory_order_relaxed);
}

/// Nothing is thrown into the stream: its error would go to whoever waits next, and MLX would give
/// up evaluations in their middle. Whoever reads the outputs is told (failures.h); what MLX
/// computes from them meanwhile reads zeros, and no index that leads somewhere.
void fail(const Job& job, const std::string& message, bool is_own) {
  for (const auto& output : job.outputs)
    if (output.bytes > 0) std::memset(output.data, 0, output.bytes);
  end_launch(job.risk, job.stream, message, is_own);
}

void run_watched(Job& job) {
  if (const auto message = earlier_failure(job.risk)) return fail(job, *message, /*is_own=*/false);
  if (job.interrupts != runtime::interrupts())
    return fail(
        job,
        "kernel `" + job.kernel->signature->name + "` was stopped by an interrupt before it began",
        /*is_own=*/true);
  try {
    run(job);
  } catch (const std::exception& error) {
    return fail(job, error.what(), /*is_own=*/true);
  }
  end_launch(job.risk);
}

[[noreturn]] void not_implemented(const char* what) {
  throw std::invalid_argument(std::string("[Primitive::") + what +
                              "] Not implemented for CustomKernel.");
}

}  // namespace

uint64_t launches() {
  return launch_count.load(std::memory_order_relaxed);
}

Dtype dtype_of(mx::Dtype dtype) {
  switch (dtype.val()) {
    case mx::Dtype::Val::bool_:
      return Dtype::bool_;
    case mx::Dtype::Val::uint8:
      return Dtype::uint8;
    case mx::Dtype::Val::uint16:
      return Dtype::uint16;
    case mx::Dtype::Val::uint32:
      return Dtype::uint32;
    case mx::Dtype::Val::uint64:
      return Dtype::uint64;
    case mx::Dtype::Val::int8:
      return Dtype::int8;
    case mx::Dtype::Val::int16:
      return Dtype::int16;
    case mx::Dtype::Val::int32:
      return Dtype::int32;
    case mx::Dtype::Val::int64:
      return Dtype::int64;
    case mx::Dtype::Val::float16:
      return Dtype::float16;
    case mx::Dtype::Val::float32:
      return Dtype::float32;
    case mx::Dtype::Val::float64:
      return Dtype::float64;
    case mx::Dtype::Val::bfloat16:
      return Dtype::bfloat16;
    case mx::Dtype::Val::complex64:
      return Dtype::complex64;
  }
  throw std::invalid_argument(
      "[metal_kernel] An element type that this release of anymetal doesn't know.");
}

void launch_on_stream(const LaunchPlan& plan, mx::Stream stream,
                      const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) {
  const uint64_t interrupts = runtime::interrupts();  // a Ctrl-C from here on is meant for it
  auto kernel = api::prepare(plan.signature);
  if (!kernel.ok()) throw_error(kernel.error());
  if (auto complaint = api::threadgroup_complaint(**kernel, plan.threadgroup)) {
    throw std::invalid_argument(*complaint);
  }
  auto job = std::make_shared<Job>(Job{.stream = stream});
  job->kernel = std::move(*kernel);
  for (const auto& input : inputs) {
    job->inputs.push_back(make_input(input, plan.ensure_row_contiguous));
  }
  for (auto& output : outputs) job->outputs.push_back(make_output(output));
  job->grid = plan.grid;
  job->threadgroup = plan.threadgroup;
  job->init_value = plan.init_value;
  job->risk = begin_launch(inputs, outputs);
  job->interrupts = interrupts;
  enqueue(stream, [job = std::move(job)] { run_watched(*job); });
}

std::vector<mx::array> KernelPrimitive::jvp(const std::vector<mx::array>&,
                                            const std::vector<mx::array>&,
                                            const std::vector<int>&) {
  not_implemented("jvp");
}

std::vector<mx::array> KernelPrimitive::vjp(const std::vector<mx::array>&,
                                            const std::vector<mx::array>&, const std::vector<int>&,
                                            const std::vector<mx::array>&) {
  not_implemented("vjp");
}

std::pair<std::vector<mx::array>, std::vector<int>> KernelPrimitive::vmap(
    const std::vector<mx::array>&, const std::vector<int>&) {
  not_implemented("vmap");
}

}  // namespace anymetal::mlx
