#include "kernel.h"

#include <algorithm>

#include "ir/thread_ir.h"
#include "language/language.h"

namespace anymetal::accuracy {
namespace {

// Many operands a thread: starting one costs as much as an exp.
constexpr uint32_t kOperandsPerThread = 64;
constexpr uint32_t kThreadgroup = 64;

constexpr Spelling kSpellings[] = {
    {"safe", "", MathMode::safe, false},
    {"relaxed", "", MathMode::relaxed, true},
    {"fast", "", MathMode::fast, true},
    // Each namespace in the mode where it isn't what the bare name means.
    {"precise::", "precise::", MathMode::fast, false},
    {"fast::", "fast::", MathMode::safe, true},
};

std::string text_of(const Format& format, const Spelling& spelling,
                    std::span<const Function* const> functions) {
  std::string text = "#include <metal_stdlib>\nusing namespace metal;\ntypedef ";
  text += format.name;
  text +=
      " T;\nkernel void measure(device const T* xs [[buffer(0)]], device const T* ys [[buffer(1)]],"
      "\n  device const T* zs [[buffer(2)]], device T* out [[buffer(3)]],\n"
      "  constant uint& count [[buffer(4)]], uint id [[thread_position_in_grid]]) {\n"
      "  const uint first = id * " +
      std::to_string(kOperandsPerThread) +
      "u;\n"
      "  for (uint i = first; i < min(count, first + " +
      std::to_string(kOperandsPerThread) +
      "u); ++i) {\n"
      "    const T x = xs[i], y = ys[i], z = zs[i];\n    T r, other;\n    int whole;\n";
  for (size_t f = 0; f < functions.size(); ++f) {
    text += "    ";
    for (const char letter : functions[f]->statement) {
      if (letter == '@') {
        text += spelling.space;
      } else {
        text += letter;
      }
    }
    text += " out[" + std::to_string(f) + "u * count + i] = r;\n";
  }
  return text + "  }\n}\n";
}

}  // namespace

std::span<const Spelling> spellings() {
  return kSpellings;
}

const Spelling* find_spelling(std::string_view name) {
  const auto* found = std::ranges::find(kSpellings, name, &Spelling::name);
  return found == std::end(kSpellings) ? nullptr : found;
}

std::string_view name_of(Executor executor) {
  return executor == Executor::cpu ? "cpu" : "reference";
}

bool applies(const Spelling& spelling, const Format& format, const Function& function) {
  if (spelling.space.empty()) return true;
  return format.name == "float" && function.has_namespaces();
}

Result<Kernel> Kernel::compile(const Format& format, const Spelling& spelling,
                               std::span<const Function* const> functions, Executor executor) {
  Kernel out;
  language::Source source{
      .text = text_of(format, spelling, functions), .name = "accuracy.metal", .marks = {}};
  language::Options options;
  options.math_mode = spelling.mode;
  ANYMETAL_ASSIGN_OR_RETURN(auto library, language::parse(source, options));
  ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, library->emit("measure"));
  backend::Backend& backend =
      executor == Executor::cpu ? backend::cpu_backend() : backend::reference_backend();
  using backend::Bounds;
  const Bounds bounds = executor == Executor::cpu ? Bounds::off : Bounds::error;
  ANYMETAL_ASSIGN_OR_RETURN(
      out.kernel_,
      backend.compile(std::move(ir), {.bounds = bounds, .threadgroup = {kThreadgroup}}));
  return out;
}

Result<void> Kernel::run(Patterns& x, Patterns& y, Patterns& z, Patterns& out, size_t count) const {
  auto number = static_cast<uint32_t>(count);
  const backend::Argument arguments[] = {
      x.argument(), y.argument(), z.argument(), out.argument(), {&number, sizeof number}};
  const uint32_t threads = (number + kOperandsPerThread - 1) / kOperandsPerThread;
  return kernel_->run({.grid = {threads}, .threadgroup = {kThreadgroup}, .arguments = arguments});
}

}  // namespace anymetal::accuracy
