#include "api/launch.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <cctype>

#include "api/mlx_prefix.h"

// What comes in: a signature and, for each launch, arrays as pointers, shapes and strides. What
// goes out: a checked dispatch of the runtime. The order of the buffers is MLX's: each input,
// behind it those of its shape, strides and ndim that the body names (never for a 0-d input), then
// the outputs.
//
// The runtime remembers libraries and pipelines by content as well, but to ask it means to hash the
// text with the prefix, some 30 kB. The cache here is asked with the text alone.

namespace anymetal::api {
namespace {

/// What has been prepared in this process, by everything that decides about the code.
class PreparedCache {
 public:
  using Kernel = std::shared_ptr<const PreparedKernel>;

  static PreparedCache& instance() {
    // Never destroyed. A fork waits until no other thread holds the lock, which the child could
    // never get.
    static auto* cache = [] {
      ::pthread_atfork([] { instance().mutex_.lock(); }, [] { instance().mutex_.unlock(); },
                       [] { instance().mutex_.unlock(); });
      return new PreparedCache;
    }();
    return *cache;
  }

  Kernel find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto known = kernels_.find(key);
    return known == kernels_.end() ? nullptr : known->second;
  }

  void add(const std::string& key, Kernel kernel) {
    std::unordered_map<std::string, Kernel> old;  // freed without the lock: a fork may wait for it
    const std::lock_guard lock(mutex_);
    // Programs that make up texts as they go would grow it without end; whoever uses a kernel holds
    // it anyway.
    if (kernels_.size() >= kLimit) old.swap(kernels_);
    kernels_.emplace(key, std::move(kernel));
  }

 private:
  static constexpr size_t kLimit = 4096;
  std::mutex mutex_;
  std::unordered_map<std::string, Kernel> kernels_;
};

std::string cache_key(const Signature& signature, const Prefix& prefix,
                      const runtime::Device& device) {
  return fmt::format("{} {} {} {}\n{}", fmt::ptr(&device), fmt::ptr(&prefix),
                     static_cast<int>(signature.math_mode), signature.kernel_name, signature.text);
}

Error needs_mlx(const Signature& signature, const std::string& name, Error error) {
  error.kind = ErrorKind::environment;
  error.message = fmt::format(
      "[metal_kernel] `{}` uses `{}`, one of MLX's own helpers, and no MLX was found: `pip install "
      "\"mlx[cpu]\"`, or let "
      "ANYMETAL_MLX_INCLUDE name the folder `mlx/include` of its wheel",
      signature.name, name);
  return error;
}

/// Messages from below name the kernel's function; people know their own name.
Error renamed(const Signature& signature, Error error) {
  const std::string& from = signature.kernel_name;
  const auto rename = [&](std::string& message) {
    for (size_t at = 0; (at = message.find(from, at)) != std::string::npos;) {
      message.replace(at, from.size(), signature.name);
      at += signature.name.size();
    }
  };
  rename(error.message);
  for (Diagnostic& diagnostic : error.diagnostics) rename(diagnostic.message);
  return error;
}

/// The name that the body uses and nobody has declared, if nothing else explains it; else "". What
/// looks like a function isn't meant, but for T(x).
std::string undeclared_name(const Diagnostic& error) {
  const bool unknown = error.message.starts_with("use of undeclared identifier '") ||
                       error.message.starts_with("unknown type name '");
  if (!unknown || !error.fix.empty() || !error.file.ends_with(".source")) return "";
  const size_t begin = error.message.find('\'') + 1;
  const std::string name = error.message.substr(begin, error.message.find('\'', begin) - begin);
  const size_t end = error.column - 1 + name.size();
  const bool call = end < error.text.size() && error.text[end] == '(';
  return !call || std::isupper(static_cast<unsigned char>(name[0])) != 0 ? name : "";
}

/// Says once what names there are, below the last of the first name's errors.
void add_names(const Signature& signature, std::vector<Diagnostic>& diagnostics) {
  std::string first;
  size_t after = 0;
  for (size_t i = 0; i < diagnostics.size(); ++i) {
    if (i + 1 < diagnostics.size() && diagnostics[i + 1].severity == Severity::note) continue;
    const std::string name = undeclared_name(diagnostics[i]);
    if (name.empty() || (!first.empty() && name != first)) continue;
    first = name;
    after = i + 1;
  }
  if (first.empty()) return;
  diagnostics.insert(diagnostics.begin() + static_cast<ptrdiff_t>(after),
                     {.severity = Severity::note,
                      .message = fmt::format("no {} is called '{}'", signature.names, first)});
}

/// The compiler's error as an error of this kernel, with what may explain it.
Error explained(const Signature& signature, const Prefix& prefix, Error error) {
  if (error.kind != ErrorKind::user && error.kind != ErrorKind::unsupported) return error;
  if (!prefix.from_mlx) {
    const std::string name = mlx_name_in(error.diagnostics);
    if (!name.empty()) return needs_mlx(signature, name, std::move(error));
  }
  error = renamed(signature, std::move(error));
  error.message =
      fmt::format("[metal_kernel] `{}` doesn't compile: {}", signature.name, error.message);
  if (!signature.hint.empty()) error.message += "\nnote: " + signature.hint;
  add_names(signature, error.diagnostics);
  return error;
}

/// The arguments of one launch, and the numbers that some of them point to.
class Binding {
 public:
  Binding(const PreparedKernel& kernel, const Call& call) {
    const std::vector<ShapeMentions>& mentions = kernel.signature->inputs;
    ndims_.reserve(call.inputs.size());
    for (size_t i = 0; i < call.inputs.size(); ++i) {
      const InputBuffer& input = call.inputs[i];
      add(input.data, input.bytes);
      if (input.shape.empty() || i >= mentions.size()) continue;
      if (mentions[i].shape) add(input.shape.data(), input.shape.size_bytes());
      if (mentions[i].strides) add(input.strides.data(), input.strides.size_bytes());
      if (!mentions[i].ndim) continue;
      ndims_.push_back(static_cast<int32_t>(input.shape.size()));
      add(&ndims_.back(), sizeof(int32_t));
    }
    for (const OutputBuffer& output : call.outputs) add(output.data, output.bytes);
  }

  [[nodiscard]] std::span<const runtime::Argument> arguments() const { return arguments_; }

 private:
  void add(const void* data, uint64_t bytes) {
    // An empty array may have no memory, but it is bound: only an access to it is wrong.
    static uint64_t nothing = 0;
    arguments_.push_back({const_cast<void*>(data == nullptr ? &nothing : data), bytes});
  }

  std::vector<runtime::Argument> arguments_;
  std::vector<int32_t> ndims_;  // reserved: never moves
};

std::string shape_text(Dtype dtype, std::span<const int32_t> shape) {
  return fmt::format("{}[{}]", name_of(dtype), fmt::join(shape, ", "));
}

/// What trace and capture say: the user's name, and each array's shape at its buffer index.
runtime::LaunchNotes notes_of(const PreparedKernel& kernel, const Call& call) {
  runtime::LaunchNotes notes{.label = kernel.signature->name};
  const std::vector<ShapeMentions>& mentions = kernel.signature->inputs;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    notes.shapes.push_back(shape_text(call.inputs[i].dtype, call.inputs[i].shape));
    if (call.inputs[i].shape.empty() || i >= mentions.size()) continue;
    const size_t extra = mentions[i].shape + mentions[i].strides + mentions[i].ndim;
    notes.shapes.resize(notes.shapes.size() + extra);
  }
  for (const OutputBuffer& output : call.outputs) {
    notes.shapes.push_back(shape_text(output.dtype, output.shape));
  }
  return notes;
}

struct Extents {
  runtime::Extent grid;
  runtime::Extent threadgroup;
};

Result<Extents> checked_extents(const PreparedKernel& kernel, const Call& call) {
  if (auto complaint = threadgroup_complaint(kernel, call.threadgroup))
    return user_error(*complaint);
  const auto& [gx, gy, gz] = call.grid;
  const auto& [tx, ty, tz] = call.threadgroup;
  Extents extents;
  ANYMETAL_ASSIGN_OR_RETURN(extents.grid, runtime::checked_extent("grid", gx, gy, gz));
  ANYMETAL_ASSIGN_OR_RETURN(
      extents.threadgroup,
      runtime::checked_extent("threadgroup", std::min(tx, gx), std::min(ty, gy), std::min(tz, gz)));
  return extents;
}

/// Null stands for an empty array alone.
Result<void> check_memory(const PreparedKernel& kernel, const Call& call) {
  const auto check = [&](const char* what, size_t i, const void* data,
                         uint64_t bytes) -> Result<void> {
    if (data || bytes == 0) return {};
    return user_error(fmt::format("[metal_kernel] `{}`: {} {} has {} bytes and no memory",
                                  kernel.signature->name, what, i, bytes));
  };
  for (size_t i = 0; i < call.inputs.size(); ++i)
    ANYMETAL_RETURN_IF_ERROR(check("input", i, call.inputs[i].data, call.inputs[i].bytes));
  for (size_t i = 0; i < call.outputs.size(); ++i)
    ANYMETAL_RETURN_IF_ERROR(check("output", i, call.outputs[i].data, call.outputs[i].bytes));
  return {};
}

uint64_t count_of(const OutputBuffer& output) {
  return output.bytes / size_of(output.dtype);
}

}  // namespace

KernelFamily::KernelFamily(KernelDefinition definition, Naming naming)
    : definition_(std::move(definition)),
      facts_(read_body(definition_.source, definition_.input_names)),
      naming_(naming) {}

std::shared_ptr<const Signature> KernelFamily::signature(
    std::span<const InputType> inputs, std::span<const Dtype> outputs,
    const TemplateArguments& template_arguments) {
  std::string key;
  for (const InputType& input : inputs) {
    key += static_cast<char>(input.dtype);
    key += input.ndim == 0 ? 's' : 'a';
    key += input.size < kConstantElements ? 'c' : 'd';
  }
  for (const Dtype dtype : outputs) key += static_cast<char>(dtype);
  for (const auto& [name, value] : template_arguments) {
    const int number = std::visit([](auto v) { return static_cast<int>(v); }, value);
    key += fmt::format(",{}:{}:{}", name, value.index(), number);
  }
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Signature>& known = signatures_[key];
  if (known == nullptr) {
    known = std::make_shared<const Signature>(
        write_signature(definition_, facts_,
                        {.inputs = inputs,
                         .outputs = outputs,
                         .template_arguments = &template_arguments,
                         .naming = naming_}));
  }
  return known;
}

Signature read_signature(std::string kernel_name, std::string text,
                         std::vector<ShapeMentions> inputs, MathMode math_mode) {
  Signature signature{.name = kernel_name,
                      .kernel_name = std::move(kernel_name),
                      .text = std::move(text),
                      .inputs = std::move(inputs),
                      .math_mode = math_mode};
  const std::string& whole = signature.text;
  const size_t head = whole.find("[[kernel]] void " + signature.kernel_name + "(\n");
  const size_t body = head == std::string::npos ? head : whole.find(") {\n", head);
  const size_t end = whole.rfind("\n}\n");
  if (body == std::string::npos || end == std::string::npos) return signature;
  if (head > 0) signature.marks.push_back({0, signature.name + ".header", 1});
  signature.marks.push_back({whole.find('\n', head) + 1, "", 1});
  signature.marks.push_back({body + 4, signature.name + ".source", 1});
  if (end >= body + 3) signature.marks.push_back({end + 1, "", 1});
  return signature;
}

Result<std::shared_ptr<const PreparedKernel>> prepare(std::shared_ptr<const Signature> signature,
                                                      runtime::Device& device) {
  if (!signature->fault.empty()) return user_error(signature->fault);
  ANYMETAL_ASSIGN_OR_RETURN(const std::shared_ptr<const Prefix> prefix, current_prefix());
  const std::string key = cache_key(*signature, *prefix, device);
  if (auto known = PreparedCache::instance().find(key)) return known;

  const language::Source source{
      .text = signature->text, .name = signature->name + ".metal", .marks = signature->marks};
  const language::Options options{.math_mode = signature->math_mode, .prefix = prefix->text};
  auto library = device.library(source, options);
  if (!library) return explained(*signature, *prefix, std::move(library).error());
  auto function = (*library)->function(signature->kernel_name);
  if (!function) return explained(*signature, *prefix, std::move(function).error());
  auto pipeline = device.pipeline(*function);
  if (!pipeline) return explained(*signature, *prefix, std::move(pipeline).error());
  auto kernel = std::make_shared<const PreparedKernel>(
      PreparedKernel{.signature = std::move(signature), .pipeline = *std::move(pipeline)});
  PreparedCache::instance().add(key, kernel);
  return kernel;
}

Result<void> launch(const PreparedKernel& kernel, const Call& call) {
  ANYMETAL_ASSIGN_OR_RETURN(const Extents extents, checked_extents(kernel, call));
  ANYMETAL_RETURN_IF_ERROR(check_memory(kernel, call));
  if (call.init_value) {
    for (const OutputBuffer& output : call.outputs) {
      fill(output.data, count_of(output), output.dtype, *call.init_value);
    }
  }
  std::optional<runtime::LaunchNotes> notes;
  if (runtime::notes_are_read(kernel.pipeline->device())) notes = notes_of(kernel, call);
  const Binding binding(kernel, call);
  Result<void> done = kernel.pipeline->run({.grid = extents.grid,
                                            .threadgroup = extents.threadgroup,
                                            .buffers = binding.arguments(),
                                            .coverage = call.init_value ? 0u : ~0u,
                                            .notes = notes ? &*notes : nullptr});
  if (!done) return renamed(*kernel.signature, std::move(done).error());
  return done;
}

std::optional<std::string> size_complaint(std::string_view what, size_t expected, size_t actual) {
  if (expected == actual) return std::nullopt;
  return fmt::format("[metal_kernel] Expected `{}` to have size {} but got size {}.\n", what,
                     expected, actual);
}

std::optional<std::string> dimension_complaint(std::string_view what, int64_t dimension) {
  if (dimension >= 0 && dimension <= INT32_MAX) return std::nullopt;
  return fmt::format(
      "[metal_kernel] The shape of {} has a dimension of {}: it must be from 0 to 2^31 - 1.", what,
      dimension);
}

std::optional<std::string> threadgroup_complaint(const PreparedKernel& kernel,
                                                 const std::array<int, 3>& threadgroup) {
  // MLX multiplies ints and compares the product with an unsigned number, so a negative one is too
  // large as well.
  uint32_t product = 1;
  for (const int extent : threadgroup) product *= static_cast<uint32_t>(extent);
  const auto size = static_cast<int32_t>(product);
  const uint32_t limit = kernel.pipeline->interface().max_total_threads_per_threadgroup;
  if (size >= 0 && product <= limit) return std::nullopt;
  return fmt::format(
      "Thread group size ({}) is greater than  the maximum allowed threads per threadgroup ({}).",
      size, limit);
}

std::string verbose_text(const Signature& signature) {
  return fmt::format("Generated source code for `{}`:\n```\n{}\n```\n", signature.name,
                     signature.text);
}

}  // namespace anymetal::api
