// From a whole Metal file to what metal_kernel takes. The way of a kernel:
//
//   parse       the language room; its errors are the text's, at their lines
//   macros      kernels that macros write get a text of their own: expand_macros.cc
//   code        what one thread reads and writes, from its IR with everything inlined (measure)
//   tree        the kernel's text on Clang's tree: parameter_uses.cc
//   roles       what each parameter becomes, or why it can't: assign_roles.cc
//   header      the files' text without kernels: header.cc, file_text.cc
//   body        declarations, and the author's text: write_body.cc
//
// The IR says what is read and written, since there pointers that went through functions, variables
// and structs can be followed; the tree says how the author wrote it, which decides what may stay
// as it is. Text is changed in the author's files by places, so comments and layout survive.
#include "port/port.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/mlx_prefix.h"
#include "ir/thread_ir.h"
#include "language/diagnostics.h"
#include "language/language.h"
#include "port/expand_macros.h"
#include "port/header.h"
#include "port/kernel_facts.h"
#include "support/edit_distance.h"

namespace anymetal::port {
namespace {

/// "mlx/backend/metal/kernels/utils.h", ...: what MLX puts before every kernel.
std::set<std::string> headers_of_mlx() {
  std::set<std::string> names;
  const auto prefix = api::current_prefix();
  if (!prefix) return names;
  constexpr std::string_view kLine = "#line 1 \"";
  const std::string_view text = (*prefix)->text;
  for (size_t at = text.find(kLine); at != std::string_view::npos; at = text.find(kLine, at + 1)) {
    const size_t begin = at + kLine.size();
    names.insert(std::string(text.substr(begin, text.find('"', begin) - begin)));
  }
  return names;
}

std::string bytes_of(const FunctionConstant& constant, uint32_t value) {
  std::string bytes(constant.size, '\0');
  if (constant.element == "float" && constant.size == 4) {
    const float number = static_cast<float>(value);
    std::copy_n(reinterpret_cast<const char*>(&number), 4, bytes.begin());
  } else if (!bytes.empty()) {
    bytes[0] = static_cast<char>(constant.element == "bool" ? value & 1 : value);
  }
  return bytes;
}

using Values = std::vector<language::ConstantValue>;

/// Values of function constants under which the code is looked at: all 0 to 3, and of each alone 1
/// where the others are 0, and the other way round.
std::vector<Values> values_to_try(std::span<const FunctionConstant> constants) {
  std::vector<Values> tries;
  const auto add = [&](auto value_of) {
    Values values;
    for (size_t i = 0; i < constants.size(); ++i)
      values.push_back({constants[i].name, 0, bytes_of(constants[i], value_of(i))});
    tries.push_back(std::move(values));
  };
  if (constants.empty()) return {{}};
  for (uint32_t value = 0; value < 4; ++value) add([&](size_t) { return value; });
  for (size_t one = 0; one < constants.size() && one < 8 && constants.size() > 1; ++one) {
    add([&](size_t i) { return i == one ? 1u : 0u; });
    add([&](size_t i) { return i == one ? 0u : 1u; });
  }
  return tries;
}

Result<CodeFacts> facts_of_code(language::ParsedLibrary& library,
                                const KernelInterface& interface) {
  CodeFacts facts;
  facts.has_constants = !library.constants().empty();
  facts.of_parameters.resize(interface.parameters.size(), {false, false, false, false});
  for (const Values& values : values_to_try(library.constants())) {
    ANYMETAL_ASSIGN_OR_RETURN(ThreadIr ir, library.emit(interface.name, values));
    ANYMETAL_ASSIGN_OR_RETURN(const measure::Accesses found, measure::find_accesses(ir));
    facts.has_unknown |= found.has_unknown;
    size_t n = 0;
    for (size_t i = 0; i < interface.parameters.size(); ++i) {
      if (interface.parameters[i].kind == ParameterKind::attribute) continue;
      if (n >= found.of_parameters.size()) break;
      const measure::Access& from = found.of_parameters[n++];
      measure::Access& to = facts.of_parameters[i];
      to.reads |= from.reads;
      to.writes |= from.writes;
      to.atomics |= from.atomics;
      to.plain |= from.plain;
    }
  }
  return facts;
}

/// A kernel that can't even be emitted is refused with what the compiler says.
void refuse_with(const Error& error, Kernel& kernel) {
  kernel.refusals = error.diagnostics;
  std::erase_if(kernel.refusals, [](const Diagnostic& d) { return d.severity != Severity::error; });
  if (!kernel.refusals.empty()) return;
  Diagnostic diagnostic;
  diagnostic.file = kernel.file;
  diagnostic.line = kernel.line;
  diagnostic.message = error.message;
  kernel.refusals.push_back(std::move(diagnostic));
}

void add_notes(Kernel& kernel) {
  if (kernel.max_threads < 1024)
    kernel.notes.push_back(fmt::format("a threadgroup has at most {} threads", kernel.max_threads));
  for (const Argument& argument : kernel.arguments) {
    if (argument.role == Role::unused && !argument.declaration.empty() &&
        argument.declaration.find("[[buffer") != std::string::npos)
      kernel.notes.push_back(fmt::format("`{}` is never used, and left out", argument.name));
    if (argument.role == Role::atomic)
      kernel.notes.push_back(fmt::format(
          "`{}` is counted in by atomics: it starts at init_value, where the original starts at "
          "what the buffer holds",
          argument.name));
  }
}

class Porter {
 public:
  Porter(const language::SyntaxTree& tree, std::string macros,
         const std::map<std::string, std::string>& stuck)
      : tree_(tree), header_(tree, headers_of_mlx()), macros_(std::move(macros)), stuck_(stuck) {}

  void port(size_t index, const CodeFacts& code, Kernel& kernel) {
    const clang::FunctionDecl& instance = *tree_.kernels[index];
    const clang::FunctionDecl& pattern = pattern_of(instance);
    const KernelFacts facts{tree_, instance,           pattern, tree_.interfaces[index],
                            code,  find_uses(instance)};
    kernel.comment = header_.comment_of(pattern);
    const auto* body = llvm::dyn_cast_or_null<clang::CompoundStmt>(pattern.getBody());
    if (!body || body->getLBracLoc().isMacroID() || body->getRBracLoc().isMacroID()) {
      const auto why = stuck_.find(kernel.function);
      return facts.refuse(
          kernel, instance.getLocation(),
          fmt::format("kernel '{}' is written by a macro, which can't be written out here: {}; "
                      "write the kernel out, or make it a template",
                      kernel.name, why == stuck_.end() ? "it has no text" : why->second));
    }
    assign_roles(facts, kernel);
    if (!kernel.refusals.empty()) return;
    const auto& sources = tree_.compiler.getSourceManager();
    const auto [file, open] = sources.getDecomposedLoc(body->getLBracLoc());
    kernel.header = macros_ + text();
    write_body(facts, header_.file(file), {open + 1, sources.getFileOffset(body->getRBracLoc())},
               kernel);
    add_notes(kernel);
  }

 private:
  const std::string& text() {
    if (!text_) text_ = header_.text();
    return *text_;
  }

  const language::SyntaxTree& tree_;
  Header header_;
  std::string macros_;
  const std::map<std::string, std::string>& stuck_;
  std::optional<std::string> text_;
};

std::string unknown_kernel(const std::string& name, const std::string& path,
                           std::span<const KernelInterface> kernels) {
  std::string nearest, all;
  for (const KernelInterface& kernel : kernels) {
    all += (all.empty() ? "" : ", ") + kernel.name;
    if (nearest.empty() || edit_distance(name, kernel.name) < edit_distance(name, nearest))
      nearest = kernel.name;
  }
  std::string text = fmt::format("{} has no kernel `{}`", path, name);
  if (all.empty()) return text + "; it has none";
  if (!nearest.empty() && edit_distance(name, nearest) <= std::max<size_t>(2, name.size() / 3))
    return text + fmt::format("; did you mean `{}`?", nearest);
  if (all.size() > 400) all = all.substr(0, all.rfind(',', 400)) + ", ...";
  return text + "; it has: " + all;
}

std::string text_of_macros(const Request& request) {
  std::string text;
  for (const auto& [name, value] : request.macros)
    text += fmt::format("#define {} {}\n", name, value);
  return text;
}

struct Parsed {
  std::shared_ptr<language::ParsedLibrary> library;
  std::map<std::string, std::string> stuck;  ///< why a kernel's macros aren't written out
  std::string warnings;
};

/// The text with all kernels written out. That the compiler sees the same tokens as before is what
/// makes it the author's program; if it doesn't, nothing is written out.
Result<Parsed> parse(const Request& request) {
  constexpr int kMostLevels = 32;
  constexpr size_t kMostBytes = size_t{16} << 20;
  const language::Options options{.math_mode = MathMode::safe,
                                  .macros = request.macros,
                                  .include_dirs = request.include_dirs,
                                  .prefix = {}};
  language::Source source{.text = request.text, .name = request.path, .marks = {}};
  ANYMETAL_ASSIGN_OR_RETURN(const auto first, language::parse(source, options));
  Parsed parsed{.library = first, .stuck = {}, .warnings = render(first->warnings())};
  std::vector<std::string> macros;
  std::string why;
  for (int level = 0; why.empty(); ++level) {
    Expansion next;
    ANYMETAL_RETURN_IF_ERROR(parsed.library->look_at_tree(
        [&](const language::SyntaxTree& tree) { next = expand_kernel_macros(tree, source); }));
    parsed.stuck = std::move(next.stuck);
    if (!next.is_changed) break;
    macros.insert(macros.end(), next.macros.begin(), next.macros.end());
    source = std::move(next.source);
    if (level == kMostLevels || source.text.size() > kMostBytes) {
      why = "macros within macros make too long a text";
      break;
    }
    auto library = language::parse(source, options);
    if (!library && library.error().kind == ErrorKind::stopped) return library.error();
    if (library) {
      parsed.library = std::move(*library);
    } else {
      why = "written out, the text doesn't compile";
    }
  }
  if (macros.empty()) return parsed;
  if (why.empty()) {
    const std::string before = first->rewritten_text();
    const auto is_same = [&](const language::ParsedLibrary& library) {
      const auto difference = difference_of_tokens(before, library.rewritten_text());
      why = difference ? "written out, the compiler would see " + *difference : "";
      return !difference;
    };
    if (is_same(*parsed.library)) {
      source = without_definitions(source, macros);
      auto library = language::parse(source, options);
      if (library && is_same(**library)) parsed.library = std::move(*library);
      return parsed;
    }
  }
  parsed.library = first;
  ANYMETAL_RETURN_IF_ERROR(first->look_at_tree([&](const language::SyntaxTree& tree) {
    for (const auto* kernel : tree.kernels)
      parsed.stuck.try_emplace(kernel->getNameAsString(), why);
  }));
  return parsed;
}

}  // namespace

Result<Ported> port(const Request& request) {
  ANYMETAL_ASSIGN_OR_RETURN(const Parsed parsed, parse(request));
  const auto& library = parsed.library;
  Ported ported;
  ported.warnings = parsed.warnings;
  const auto interfaces = library->kernels();
  std::vector<std::string> functions(interfaces.size());
  ANYMETAL_RETURN_IF_ERROR(library->look_at_tree([&](const language::SyntaxTree& tree) {
    for (size_t i = 0; i < functions.size(); ++i) functions[i] = tree.kernels[i]->getNameAsString();
  }));
  std::set<size_t> wanted;
  for (size_t i = 0; i < interfaces.size() && request.kernels.empty(); ++i) wanted.insert(i);
  for (const std::string& name : request.kernels) {
    const size_t before = wanted.size();
    for (size_t i = 0; i < interfaces.size(); ++i) {
      if (interfaces[i].name == name || functions[i] == name) wanted.insert(i);
    }
    if (wanted.size() == before)
      ported.unknown.push_back(unknown_kernel(name, request.path, interfaces));
  }
  std::vector<CodeFacts> code(interfaces.size());
  for (const size_t i : wanted) {
    Kernel kernel;
    kernel.name = interfaces[i].name;
    kernel.function = functions[i];
    kernel.file = interfaces[i].file;
    kernel.line = interfaces[i].line;
    kernel.max_threads = interfaces[i].max_total_threads_per_threadgroup;
    auto found = facts_of_code(*library, interfaces[i]);
    if (found) {
      code[i] = std::move(*found);
    } else if (found.error().kind == ErrorKind::stopped ||
               found.error().kind == ErrorKind::internal) {
      return found.error();
    } else {
      refuse_with(found.error(), kernel);
    }
    ported.kernels.push_back(std::move(kernel));
  }
  ANYMETAL_RETURN_IF_ERROR(library->look_at_tree([&](const language::SyntaxTree& tree) {
    Porter porter(tree, text_of_macros(request), parsed.stuck);
    size_t n = 0;
    for (const size_t i : wanted) {
      Kernel& kernel = ported.kernels[n++];
      if (kernel.refusals.empty()) porter.port(i, code[i], kernel);
    }
  }));
  return ported;
}

}  // namespace anymetal::port
