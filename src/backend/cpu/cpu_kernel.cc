#include "backend/cpu/cpu_kernel.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <deque>
#include <optional>

#include "backend/cpu/host_symbols.h"
#include "backend/cpu/stream_stores.h"
#include "backend/float_environment.h"
#include "backend/fork_guard.h"
#include "backend/thread_function.h"
#include "backend/thread_pool.h"
#include "simt/simt.h"

namespace anymetal::backend::cpu {
namespace {

Result<VariantCode> link(const VariantImage& image) {
  static ObjectLinker* const linker = make_object_linker("cpu", host_symbols()).release();
  VariantCode code;
  ANYMETAL_ASSIGN_OR_RETURN(code.object,
                            linker->link(image.object, simt::kThreadgroupFunctionName));
  code.entry = code.object->entry<Entry>();
  code.threadgroup_bytes = image.threadgroup_bytes;
  code.scratch_bytes = image.scratch_bytes;
  code.accumulators = image.accumulators;
  return code;
}

/// Of a variant among those of one kernel.
std::string name_of(const Variant& variant) {
  std::string name = variant.is_partial ? "partial" : "whole";
  if (variant.streams) name += ",streams";
  if (variant.large != 0) name += ",large=" + std::to_string(variant.large);
  if (variant.threadgroups_together > 1)
    name += ",together=" + std::to_string(variant.threadgroups_together);
  for (unsigned axis = 0; axis < 3; ++axis)
    name += "," + std::to_string(along(variant.threadgroup, axis));
  return name;
}

/// Variant::large of a dispatch.
uint32_t find_large(const Dispatch& dispatch) {
  uint64_t most = 0;
  for (const auto all : {dispatch.arguments, dispatch.resident})
    for (const Argument& argument : all) most = std::max(most, argument.size);
  return uint32_t(std::bit_width(most >> 31));
}

class CpuKernel final : public CompiledKernel {
 public:
  CpuKernel(CpuImage image, std::string object, KernelInterface interface, VariantCode code,
            std::shared_ptr<CodeStore> later)
      : image_(std::move(image)),
        object_(std::move(object)),
        interface_(std::move(interface)),
        full_(std::move(code)),
        later_(std::move(later)) {
    const auto parameters = entry_parameters(interface_);
    argument_count_ = parameters.size();
    is_threadgroup_memory_ = std::make_unique<bool[]>(argument_count_);
    for (size_t index = 0; index < argument_count_; ++index)
      is_threadgroup_memory_[index] = parameters[index]->kind == ParameterKind::threadgroup;
  }

  Result<void> run(const Dispatch& dispatch) override {
    if (dispatch.arguments.size() != argument_count_ ||
        dispatch.threadgroup != image_.full.dispatch)
      return internal_error("kernel '" + interface_.name +
                            "' was dispatched with other arguments or threadgroups than it was "
                            "compiled for");
    if (dispatch.grid.volume() == 0) return {};
    const GridShape shape(dispatch);
    const bool streams =
        is_small_enough_to_stream() && is_worth_streaming(image_.code.streamed, dispatch.arguments);
    Variant whole = image_.full;
    whole.streams = streams;
    whole.large = find_large(dispatch);
    Parts parts;
    for (unsigned cut = 0; cut < parts.size(); ++cut) {
      if (!shape.exists[cut]) continue;
      auto part = find_part(dispatch, whole, shape, cut);
      if (!part.ok()) {
        if (part.error().kind != ErrorKind::unsupported) return std::move(part).error();
        // What has a vector form in one size may have none in another.
        ANYMETAL_ASSIGN_OR_RETURN(CompiledKernel * reference, find_reference(dispatch));
        return reference->run(dispatch);
      }
      parts[cut] = *part;
    }
    ANYMETAL_ASSIGN_OR_RETURN(const Row row, find_row(dispatch, whole, shape));
    const std::span<const bool> kinds{is_threadgroup_memory_.get(), argument_count_};
    if (image_.code.messages.empty())
      return describe(run_grid(dispatch, shape, parts, row, kinds, pace_, nullptr));
    DispatchMessages messages(dispatch, image_.code.messages);
    const Outcome outcome = run_grid(dispatch, shape, parts, row, kinds, pace_, &messages);
    messages.deliver();
    return describe(outcome);
  }

  const KernelInterface& interface() const override { return interface_; }
  std::string_view object() const override { return object_; }
  std::vector<Remark> remarks() const override { return image_.remarks; }

 private:
  Result<void> describe(Outcome outcome) const {
    switch (outcome) {
      case Outcome::done:
        return {};
      case Outcome::stopped:
        return Error{ErrorKind::stopped, "kernel '" + interface_.name + "' was stopped", {}};
      case Outcome::out_of_memory:
        break;
    }
    return Error{
        ErrorKind::environment,
        "kernel '" + interface_.name +
            "': no memory for its threadgroups' variables; use fewer threads a threadgroup",
        {}};
  }

  /// The code for threadgroups that are cut along these axes. Along the last one it is enough to
  /// say how many threads there are; else those that exist aren't the first ones, and it is another
  /// size.
  Result<Part> find_part(const Dispatch& dispatch, Variant variant, const GridShape& shape,
                         unsigned cut) {
    if (cut == 0 && variant == image_.full)
      return Part{&full_, uint32_t(variant.dispatch.volume())};
    const unsigned last = last_axis(variant.dispatch);
    for (unsigned axis = 0; axis < 3; ++axis) {
      if ((cut >> axis & 1) != 0 && axis != last)
        along(variant.threadgroup, axis) = shape.rest[axis];
    }
    uint64_t threads = variant.threadgroup.volume();
    if ((cut >> last & 1) != 0) {
      variant.is_partial = true;
      threads = threads / along(variant.dispatch, last) * shape.rest[last];
    }
    ANYMETAL_ASSIGN_OR_RETURN(const VariantCode* code, find_code(dispatch, variant));
    return Part{code, uint32_t(threads)};
  }

  /// The code that runs several threadgroups at once, where the grid has enough of them.
  Result<Row> find_row(const Dispatch& dispatch, Variant variant, const GridShape& shape) {
    variant.threadgroups_together =
        shape.threadgroups_together(image_.code.threadgroups_together, ThreadPool::shared().size());
    if (variant.threadgroups_together == 1) return Row{};
    auto code = find_code(dispatch, variant);
    if (code.ok()) return Row{*code, variant.threadgroups_together};
    if (code.error().kind != ErrorKind::unsupported) return std::move(code).error();
    return Row{};
  }

  /// The variant that streams is made while somebody waits; what writes much and computes little is
  /// short.
  [[nodiscard]] bool is_small_enough_to_stream() const {
    constexpr size_t kMostBytes = size_t{128} << 10;
    return object_.size() <= kMostBytes;
  }

  struct Made {
    Variant variant;
    VariantCode code;
    std::optional<Error> error;  ///< `unsupported`
    const Made* next = nullptr;
  };

  /// No lock is held where a fork could find it: the list only grows.
  [[nodiscard]] const Made* find_made(const Variant& variant) const {
    const Made* made = made_.load(std::memory_order_acquire);
    while (made && !(made->variant == variant)) made = made->next;
    return made;
  }

  Result<const VariantCode*> find_code(const Dispatch& dispatch, const Variant& variant) {
    const Made* made = find_made(variant);
    if (!made) {
      ANYMETAL_RETURN_IF_ERROR(dispatch.compile([&]() -> Result<void> {
        ANYMETAL_ASSIGN_OR_RETURN(made, make(variant));
        return {};
      }));
    }
    if (made->error) return *made->error;
    return &made->code;
  }

  /// Whoever asks for what another thread is compiling waits for it.
  Result<const Made*> make(const Variant& variant) {
    const ForkGuard guard;
    const std::lock_guard lock(mutex_);
    if (const Made* made = find_made(variant)) return made;
    Result<VariantCode> code = compile(variant);
    if (!code.ok() && code.error().kind != ErrorKind::unsupported) return std::move(code).error();
    Made& made = storage_.emplace_back();
    made.variant = variant;
    if (code.ok()) {
      made.code = std::move(*code);
    } else {
      made.error = std::move(code).error();
    }
    made.next = made_.load(std::memory_order_relaxed);
    made_.store(&made, std::memory_order_release);
    return &made;
  }

  Result<VariantCode> compile(const Variant& variant) {
    if (later_) {
      if (const auto stored = later_->load(name_of(variant))) {
        auto image = parse_variant_image(*stored, variant);
        auto code = image.ok() ? link(*image) : std::move(image).error();
        if (code.ok()) return code;
      }
    }
    const DefaultFloatEnvironment environment;
    ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, read_ir(image_, interface_));
    ANYMETAL_ASSIGN_OR_RETURN(const VariantImage image, compile_variant(std::move(ir), variant));
    if (later_) later_->store(name_of(variant), serialize(image));
    return link(image);
  }

  Result<CompiledKernel*> find_reference(const Dispatch& dispatch) {
    const ForkGuard guard;
    const std::lock_guard lock(mutex_);
    if (!reference_) {
      ANYMETAL_RETURN_IF_ERROR(dispatch.compile([&]() -> Result<void> {
        ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, read_ir(image_, interface_));
        ANYMETAL_ASSIGN_OR_RETURN(
            reference_,
            reference_backend().compile(
                std::move(ir), {.bounds = image_.bounds, .threadgroup = image_.full.dispatch}));
        return {};
      }));
    }
    return reference_.get();
  }

  const CpuImage image_;
  const std::string object_;
  const KernelInterface interface_;
  const VariantCode full_;
  const std::shared_ptr<CodeStore> later_;
  size_t argument_count_ = 0;
  std::unique_ptr<bool[]> is_threadgroup_memory_;
  Pace pace_;
  std::mutex mutex_;
  std::deque<Made> storage_;
  std::atomic<const Made*> made_{nullptr};
  std::unique_ptr<CompiledKernel> reference_;
};

/// Runs on the reference executor, and says why.
class FallbackKernel final : public CompiledKernel {
 public:
  FallbackKernel(std::unique_ptr<CompiledKernel> reference, std::string object,
                 std::vector<Remark> remarks)
      : reference_(std::move(reference)),
        object_(std::move(object)),
        remarks_(std::move(remarks)) {}

  Result<void> run(const Dispatch& dispatch) override { return reference_->run(dispatch); }
  const KernelInterface& interface() const override { return reference_->interface(); }
  std::string_view object() const override { return object_; }
  std::vector<Remark> remarks() const override { return remarks_; }

 private:
  std::unique_ptr<CompiledKernel> reference_;
  const std::string object_;
  const std::vector<Remark> remarks_;
};

}  // namespace

Result<std::unique_ptr<CompiledKernel>> make_cpu_kernel(CpuImage image, std::string object,
                                                        KernelInterface interface,
                                                        std::shared_ptr<CodeStore> later) {
  ANYMETAL_ASSIGN_OR_RETURN(VariantCode code, link(image.code));
  image.code.object = {};  // `object` holds it, too
  return std::unique_ptr<CompiledKernel>(
      std::make_unique<CpuKernel>(std::move(image), std::move(object), std::move(interface),
                                  std::move(code), std::move(later)));
}

std::unique_ptr<CompiledKernel> make_fallback_kernel(std::unique_ptr<CompiledKernel> reference,
                                                     std::string object,
                                                     std::vector<Remark> remarks) {
  return std::make_unique<FallbackKernel>(std::move(reference), std::move(object),
                                          std::move(remarks));
}

}  // namespace anymetal::backend::cpu
