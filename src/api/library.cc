// The C++ edge of whole Metal files: text in, kernels by name, calls with arrays and numbers. Below
// this file errors are values; here they become exceptions, std::invalid_argument for what the
// caller gave and KernelError for the rest.
#include "anymetal/library.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "api/bind_arguments.h"
#include "api/raise.h"
#include "language/directives.h"
#include "runtime/runtime.h"

namespace anymetal {

class Library::State {
 public:
  explicit State(std::shared_ptr<runtime::Library> from) : library(std::move(from)) { keep_tree(); }

  /// As long as this lives, the text is parsed once, however many others are parsed meanwhile.
  void keep_tree() const {
    const std::lock_guard lock(mutex_);
    if (!tree_) tree_ = library->tree_in_memory();
  }

  const std::shared_ptr<runtime::Library> library;

 private:
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const void> tree_;
};

class Kernel::State {
 public:
  std::shared_ptr<runtime::Pipeline> pipeline;
  std::string name;
  std::vector<KernelParameter> parameters;
};

namespace {

std::atomic<uint64_t> launches{0};

using Sizes = std::array<int64_t, 3>;

/// As many threads of the grid as one threadgroup can hold, x first.
Sizes largest_threadgroup(const Sizes& grid, int64_t limit) {
  Sizes sizes{1, 1, 1};
  for (size_t i = 0; i < 3; ++i) {
    sizes[i] = std::clamp<int64_t>(grid[i], 1, limit);
    limit /= sizes[i];
  }
  return sizes;
}

Result<runtime::Extent> extent(std::string_view what, const Sizes& sizes) {
  return runtime::checked_extent(what, sizes[0], sizes[1], sizes[2]);
}

/// Threads along one dimension; too many are left as they are, for the check that names them.
int64_t threads_of(int64_t groups, int64_t group) {
  int64_t threads = 0;
  return __builtin_mul_overflow(groups, group, &threads) ? INT64_MAX : threads;
}

Result<Sizes> read_indirect(const KernelInterface& kernel, const KernelCall& call) {
  const auto& memory = *call.indirect_threadgroups;
  uint32_t groups[3];
  if (memory.bytes < sizeof groups || memory.data == nullptr)
    return user_error(
        fmt::format("kernel `{}`: the numbers of threadgroups need 12 bytes, and "
                    "there are {}",
                    kernel.name, memory.bytes));
  std::memcpy(groups, memory.data, sizeof groups);
  return Sizes{groups[0], groups[1], groups[2]};
}

struct Extents {
  Sizes grid{};
  Sizes threadgroup{};
  bool nothing = false;  ///< an indirect dispatch of no threadgroups
};

Result<Extents> extents_of(const KernelInterface& kernel, const KernelCall& call) {
  const int given = call.grid.has_value() + call.threadgroups.has_value() +
                    call.indirect_threadgroups.has_value();
  if (given != 1)
    return user_error(
        fmt::format("kernel `{}`: give {} of `grid` (threads) and `threadgroups` (whole "
                    "threadgroups) to say how many threads run",
                    kernel.name, given == 0 ? "one" : "only one"));
  Extents result;
  if (call.grid) {
    result.grid = *call.grid;
    result.threadgroup = call.threadgroup.value_or(
        largest_threadgroup(*call.grid, kernel.max_total_threads_per_threadgroup));
    return result;
  }
  if (!call.threadgroup)
    return user_error(fmt::format(
        "kernel `{}`: `threadgroups` needs `threadgroup`, the threads of each", kernel.name));
  result.threadgroup = *call.threadgroup;
  Sizes groups{};
  if (call.threadgroups) {
    groups = *call.threadgroups;
    ANYMETAL_RETURN_IF_ERROR(extent("threadgroups", groups));
  } else {
    ANYMETAL_ASSIGN_OR_RETURN(groups, read_indirect(kernel, call));
    result.nothing = groups[0] == 0 || groups[1] == 0 || groups[2] == 0;
  }
  for (size_t i = 0; i < 3; ++i) result.grid[i] = threads_of(groups[i], result.threadgroup[i]);
  return result;
}

/// Lengths by index of [[threadgroup(n)]]. Sizes for parameters that the kernel lacks are errors.
Result<std::vector<uint32_t>> threadgroup_lengths(const KernelInterface& kernel,
                                                  const KernelCall& call) {
  std::vector<uint32_t> lengths;
  for (const auto& [index, bytes] : call.threadgroup_memory) {
    const bool known = std::ranges::any_of(kernel.parameters, [&](const Parameter& p) {
      return p.kind == ParameterKind::threadgroup && p.index == index;
    });
    if (!known)
      return user_error(
          fmt::format("kernel `{}` has no parameter with [[threadgroup({})]]", kernel.name, index));
    if (bytes > (uint64_t{1} << 30))
      return user_error(fmt::format("kernel `{}`: {} bytes for [[threadgroup({})]] are too many",
                                    kernel.name, bytes, index));
    if (lengths.size() <= index) lengths.resize(index + 1, 0);
    lengths[index] = static_cast<uint32_t>((bytes + 15) / 16 * 16);
  }
  for (const Parameter& p : kernel.parameters) {
    if (p.kind != ParameterKind::threadgroup || p.is_optional) continue;
    if (p.index < lengths.size() && lengths[p.index] > 0) continue;
    return user_error(
        fmt::format("{}:{}: kernel `{}`: `{}` needs a size: give its bytes as `threadgroup_memory`",
                    kernel.file, p.line, kernel.name, describe(p)));
  }
  return lengths;
}

std::optional<runtime::LaunchNotes> notes_of(const runtime::Pipeline& pipeline,
                                             const KernelCall& call) {
  if (!runtime::notes_are_read(pipeline.device())) return std::nullopt;
  runtime::LaunchNotes notes;
  notes.shapes.resize(32);
  size_t next = 0;
  for (const Parameter& p : pipeline.interface().parameters) {
    const bool resource = p.kind == ParameterKind::texture || p.kind == ParameterKind::sampler;
    if (!resource && (p.kind != ParameterKind::buffer || p.index >= notes.shapes.size())) continue;
    if (next >= call.arguments.size()) break;
    if (resource) {
      ++next;
      continue;
    }
    const auto* typed = std::get_if<KernelArgument::TypedMemory>(&call.arguments[next++].value);
    if (typed)
      notes.shapes[p.index] =
          fmt::format("{}[{}]", name_of(typed->view.dtype), fmt::join(typed->view.shape, ", "));
  }
  return notes;
}

Result<void> launch(runtime::Pipeline& pipeline, const KernelCall& call) {
  const KernelInterface& kernel = pipeline.interface();
  api::BoundArguments bound;
  ANYMETAL_RETURN_IF_ERROR(api::bind_arguments(kernel, call, bound));
  ANYMETAL_ASSIGN_OR_RETURN(const Extents sizes, extents_of(kernel, call));
  ANYMETAL_ASSIGN_OR_RETURN(const std::vector<uint32_t> lengths, threadgroup_lengths(kernel, call));
  ANYMETAL_ASSIGN_OR_RETURN(const runtime::Extent threadgroup,
                            extent("threadgroup", sizes.threadgroup));
  if (sizes.nothing) return {};
  ANYMETAL_ASSIGN_OR_RETURN(const runtime::Extent grid, extent("grid", sizes.grid));
  const std::optional<runtime::LaunchNotes> notes = notes_of(pipeline, call);
  return pipeline.run({.grid = grid,
                       .threadgroup = threadgroup,
                       .buffers = bound.buffers(),
                       .threadgroup_lengths = lengths,
                       .resident = bound.resident(),
                       .coverage = 0,
                       .notes = notes ? &*notes : nullptr,
                       .textures = bound.textures(),
                       .samplers = bound.samplers()});
}

KernelParameter public_form(const Parameter& p) {
  std::vector<KernelParameter::Member> members;
  for (const Field& field : p.fields)
    members.push_back({.name = field.name, .offset = field.offset, .size = field.size});
  KernelParameter::Kind kind = KernelParameter::Kind::input;
  if (p.kind == ParameterKind::buffer) kind = KernelParameter::Kind::buffer;
  if (p.kind == ParameterKind::threadgroup) kind = KernelParameter::Kind::threadgroup;
  if (p.kind == ParameterKind::texture) kind = KernelParameter::Kind::texture;
  if (p.kind == ParameterKind::sampler) kind = KernelParameter::Kind::sampler;
  return {.name = p.name,
          .kind = kind,
          .type = p.type,
          .element = p.element,
          .declaration = describe(p),
          .index = p.index,
          .size = p.size,
          .is_const = p.is_const,
          .is_reference = p.is_reference,
          .is_optional = p.is_optional,
          .members = std::move(members),
          .line = p.line};
}

Result<std::shared_ptr<runtime::Library>> open_library(std::string text,
                                                       const LibraryOptions& options,
                                                       const std::string& folder) {
  for (const auto& [name, value] : options.macros) {
    const bool word = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
      return std::isalnum(c) || c == '_';
    }) && !std::isdigit(static_cast<unsigned char>(name[0]));
    if (!word)
      return user_error(
          fmt::format("'{}' can't be the name of a macro: it is no identifier", name));
    if (value.find('\n') != std::string::npos)
      return user_error(fmt::format("the macro {} has a line break in its value", name));
  }
  for (const std::string& path : options.include_dirs) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored))
      return user_error(fmt::format("the include directory {} isn't there", path));
  }
  language::Options below{.math_mode = options.math_mode,
                          .macros = options.macros,
                          .include_dirs = options.include_dirs};
  const bool reads = language::reads_files(text);
  if (reads && !folder.empty()) below.include_dirs.insert(below.include_dirs.begin(), folder);
  return runtime::Device::system().library(
      {.text = std::move(text), .name = options.name, .marks = {}}, below);
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file && std::filesystem::is_regular_file(path)) text << file.rdbuf();
  if (!file)
    return Error{ErrorKind::environment,
                 fmt::format("{} can't be read: {}", path, std::strerror(errno ? errno : ENOENT)),
                 {}};
  return std::move(text).str();
}

}  // namespace

void Kernel::operator()(const KernelCall& call) const {
  const Result<void> done = launch(*state_->pipeline, call);
  if (!done) api::raise_at_call(done.error());
  launches.fetch_add(1, std::memory_order_relaxed);
}

const std::string& Kernel::name() const {
  return state_->name;
}
const std::vector<KernelParameter>& Kernel::parameters() const {
  return state_->parameters;
}
uint32_t Kernel::max_total_threads_per_threadgroup() const {
  return state_->pipeline->interface().max_total_threads_per_threadgroup;
}
uint32_t Kernel::static_threadgroup_memory() const {
  return state_->pipeline->interface().threadgroup_bytes;
}
uint32_t Kernel::thread_execution_width() const {
  return state_->pipeline->device().limits().simdgroup_width;
}
std::string Kernel::place() const {
  const KernelInterface& kernel = state_->pipeline->interface();
  return fmt::format("{}:{}", kernel.file, kernel.line);
}

Library Library::from_text(std::string text, const LibraryOptions& options) {
  auto library = open_library(std::move(text), options, "");
  if (!library) api::raise(library.error());
  return Library(std::make_shared<const State>(*std::move(library)));
}

Library Library::from_file(const std::string& path, const LibraryOptions& options) {
  auto text = read_file(path);
  if (!text) api::raise(text.error());
  LibraryOptions named = options;
  named.name = path;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  auto library = open_library(*std::move(text), named, folder.empty() ? "." : folder);
  if (!library) api::raise(library.error());
  return Library(std::make_shared<const State>(*std::move(library)));
}

std::vector<std::string> Library::kernels() const {
  std::vector<std::string> names;
  for (const KernelInterface& kernel : state_->library->kernels()) names.push_back(kernel.name);
  return names;
}

std::vector<FunctionConstantInfo> Library::function_constants() const {
  std::vector<FunctionConstantInfo> constants;
  for (const FunctionConstant& c : state_->library->constants())
    constants.push_back({.name = c.name, .index = c.index, .type = c.type});
  return constants;
}

std::string Library::warnings() const {
  return render(state_->library->warnings());
}

Kernel Library::kernel(std::string_view name, const ConstantValues& constants) const {
  auto values =
      api::constant_values(state_->library->constants(), state_->library->source().name, constants);
  if (!values) api::raise_at_call(values.error());
  auto function = state_->library->function(name, *std::move(values));
  if (!function) api::raise_at_call(function.error());
  auto pipeline = runtime::Device::system().pipeline(*function);
  if (!pipeline) api::raise(pipeline.error());
  state_->keep_tree();
  std::vector<KernelParameter> parameters;
  for (const Parameter& p : (*pipeline)->interface().parameters)
    parameters.push_back(public_form(p));
  return Kernel(std::make_shared<const Kernel::State>(
      Kernel::State{*std::move(pipeline), std::string(name), std::move(parameters)}));
}

uint64_t library_launches() noexcept {
  return launches.load(std::memory_order_relaxed);
}

}  // namespace anymetal
