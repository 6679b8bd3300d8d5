// The coach's kernel side.
//
// What comes in is the text of a kernel as people wrote it, a body or a whole file, and what is
// known of its calls. What goes out are findings: claims about places of that text. The way:
//
//   text       a body gets MLX's signature (src/api), types that aren't known are made up make_text
//   syntax     Clang's tree, for what stands in the text                            syntax_rules.cc
//   code       the IR of one thread, calls inlined, not optimised                    thread_code.cc
//   values     addresses and conditions, thread by thread                          thread_values.cc
//   rules      one family a file, *_rules.cc
//
// Rules read the user's operations and not what LLVM would make of them, and every claim has to
// hold whatever numbers stand for what isn't known. So few are wrong, and some faults aren't found.
#include "lint/lint.h"

#include <llvm/IR/DebugInfoMetadata.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <regex>

#include "api/mlx_prefix.h"
#include "api/signature.h"
#include "ir/thread_ir.h"
#include "language/language.h"
#include "language/syntax_tree.h"
#include "lint/findings.h"
#include "lint/rules.h"
#include "lint/thread_code.h"

namespace anymetal::lint {
namespace {

constexpr const char* kBodyName = "kernel";
constexpr size_t kMostInstructions = 20'000;

/// A text as the language takes it.
struct Text {
  bool lacks_mlx = false;  ///< MLX's helpers weren't found
  language::Source source;
  language::Options options;
  TextNames names;
  bool made_up = false;          ///< types or template arguments weren't known
  bool made_up_numbers = false;  ///< template arguments that are numbers weren't known
  bool made_up_ranks = false;    ///< whether an input is 0-d wasn't known
};

std::optional<Dtype> dtype_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Dtype::complex64); ++i) {
    const Dtype dtype = static_cast<Dtype>(i);
    if (name_of(dtype) == name) return dtype;
  }
  return name == "bool" ? std::optional(Dtype::bool_) : std::nullopt;
}

/// How a body is tried where types aren't known.
struct Guess {
  Dtype dtype = Dtype::float32;
  bool scalars = false;  ///< inputs that are never indexed are 0-d
};

/// Whether the body indexes it or does arithmetic with the pointer: it isn't a 0-d array.
bool is_indexed(const std::string& text, const std::string& name) {
  const std::regex use("\\b" + name + "\\s*(\\[|\\+)|[*+]\\s*" + name + "\\b|\\(\\s*" + name +
                       "\\s*,|,\\s*" + name + "\\s*[,)]|" + name + "_(shape|strides|ndim)\\b");
  return std::regex_search(text, use);
}

/// Few elements: MLX hands those over in constant memory.
api::InputType input_type(const Request& request, size_t i, const Guess& guess, Text& text) {
  api::InputType type{.dtype = guess.dtype, .ndim = 1, .size = 1 << 20};
  const ArrayFacts facts = i < request.inputs.size() ? request.inputs[i] : ArrayFacts();
  const std::string& name = request.input_names[i];
  if (const auto dtype = dtype_of(facts.dtype)) {
    type.dtype = *dtype;
  } else {
    text.made_up = true;
    static const std::regex size_like(
        "(n|m|k|.*shape|.*size|.*len.*|.*dims?|.*params?|.*count|.*strides?|.*num.*|.*idx|.*ind.*|"
        ".*offsets?|.*flags?|.*seed.*)",
        std::regex::icase);
    if (guess.dtype == Dtype::float32 && std::regex_match(name, size_like) && name.size() > 1)
      type.dtype = Dtype::uint32;
  }
  if (facts.shape) {
    type.ndim = facts.shape->size();
    type.size = 1;
    for (const int64_t extent : *facts.shape) type.size *= static_cast<uint64_t>(extent);
  } else if (!is_indexed(request.text, name)) {
    text.made_up_ranks = true;
    if (guess.scalars) {
      type.ndim = 0;
      type.size = 1;
    }
  }
  return type;
}

/// Whether a template argument of that name is a type, as its uses tell: it is called, stands in
/// angles or alone in parentheses before an operand, or before a name.
bool is_type_name(const std::string& text, const std::string& name) {
  static const std::regex comments("//[^\n]*|/\\*[^]*?\\*/");
  const std::string code = std::regex_replace(text, comments, " ");
  const std::regex use("\\b" + name + "\\s*\\(|\\b" + name + "\\s+[A-Za-z_]|<\\s*" + name +
                       "\\s*>|\\(\\s*" + name + "\\s*\\)\\s*[\\w(]|\\b(device|thread|threadgroup|" +
                       "constant|const)\\s+" + name + "\\b");
  return std::regex_search(code, use);
}

api::TemplateArguments template_arguments(const Request& request, const Guess& guess, Text& text) {
  constexpr int kNumber = 32;
  api::TemplateArguments out;
  for (const auto& [name, value] : request.template_args) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      out.emplace_back(name, static_cast<int>(*number));
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      out.emplace_back(name, *flag);
    } else if (const auto* word = std::get_if<std::string>(&value); word && dtype_of(*word)) {
      out.emplace_back(name, *dtype_of(*word));
    } else if (is_type_name(request.header + request.text, name)) {
      text.made_up = true;
      out.emplace_back(name, guess.dtype);
    } else {
      text.made_up = text.made_up_numbers = true;
      out.emplace_back(name, kNumber);
    }
  }
  return out;
}

Result<Text> make_body(const Request& request, const Guess& guess) {
  Text text;
  api::KernelDefinition definition{.name = kBodyName,
                                   .input_names = request.input_names,
                                   .output_names = request.output_names,
                                   .source = request.text,
                                   .header = request.header,
                                   .ensure_row_contiguous = request.ensure_row_contiguous,
                                   .atomic_outputs = request.atomic_outputs,
                                   .math_mode = request.math_mode};
  std::vector<api::InputType> inputs;
  for (size_t i = 0; i < request.input_names.size(); ++i)
    inputs.push_back(input_type(request, i, guess, text));
  std::vector<Dtype> outputs;
  for (size_t i = 0; i < request.output_names.size(); ++i) {
    const auto known =
        i < request.outputs.size() ? dtype_of(request.outputs[i].dtype) : std::nullopt;
    if (!known) text.made_up = true;
    outputs.push_back(known.value_or(guess.dtype));
  }
  const api::TemplateArguments arguments = template_arguments(request, guess, text);
  const api::BodyFacts facts = api::read_body(definition.source, definition.input_names);
  api::Signature signature = api::write_signature(
      definition, facts, {.inputs = inputs, .outputs = outputs, .template_arguments = &arguments});
  ANYMETAL_ASSIGN_OR_RETURN(const auto prefix, api::current_prefix());
  text.source = {.text = std::move(signature.text),
                 .name = signature.kernel_name,
                 .marks = std::move(signature.marks)};
  text.options = {.math_mode = request.math_mode, .prefix = prefix->text};
  text.lacks_mlx = !prefix->from_mlx;
  text.names = {std::string(kBodyName) + ".source", std::string(kBodyName) + ".header"};
  return text;
}

Text make_file(const Request& request) {
  Text text;
  const std::string name = request.path.empty() ? "kernel.metal" : request.path;
  text.source = {.text = request.text, .name = name};
  text.options.math_mode = request.math_mode;
  const auto folder = std::filesystem::path(name).parent_path().string();
  text.options.include_dirs.push_back(folder.empty() ? "." : folder);
  if (const std::string mlx = api::mlx_include_dir(); !mlx.empty())
    text.options.include_dirs.push_back(mlx);
  text.names = {name, ""};
  return text;
}

/// The first line that includes a file of the user's.
Place first_include(const std::string& text) {
  uint32_t line = 0;
  for (size_t at = 0; at < text.size(); at = std::min(text.find('\n', at), text.size() - 1) + 1) {
    ++line;
    const size_t word = text.find_first_not_of(" \t", at);
    if (word == std::string::npos || !text.substr(word, 9).starts_with("#include ")) continue;
    const size_t quote = text.find_first_not_of(" \t", word + 9);
    if (quote != std::string::npos && text[quote] == '"')
      return {.line = line, .column = uint32_t(quote - at + 1)};
  }
  return {};
}

/// The compiler's errors at places of the user's.
void add_errors(const Request& request, const Error& error, Findings& findings) {
  for (const Diagnostic& diagnostic : error.diagnostics) {
    if (diagnostic.severity != Severity::error) continue;
    Place place = findings.place_in(diagnostic.file, diagnostic.line, diagnostic.column);
    // Files that include each other: an error of theirs, but nothing of this one is read for it.
    if (!place.ok() && diagnostic.message.starts_with("#include nested too deeply"))
      place = first_include(request.text);
    const bool is_double = diagnostic.message.starts_with("'double' is not supported");
    std::string remedy = diagnostic.fix;
    if (is_double) {
      findings.add("DOUBLE-TYPE-001", place, diagnostic.message,
                   "write float; where its 24 bits aren't enough, keep a sum and its error in two "
                   "floats");
      continue;
    }
    if (findings.has("KERNEL-COMPILE-001", place)) continue;
    findings.add("KERNEL-COMPILE-001", place, diagnostic.message,
                 remedy.empty() ? "mend the text; `anymetal compile` shows the error with its notes"
                                : remedy);
    break;
  }
}

/// A header that isn't found may be where nobody told us to look.
bool lacks_header(const Error& error) {
  return std::ranges::any_of(error.diagnostics, [](const Diagnostic& each) {
    return each.message.starts_with("header '") &&
           each.message.find("not found") != std::string::npos;
  });
}

/// "expected ';'": no name that is missing would mend that.
bool is_of_grammar(const Error& error) {
  return !error.diagnostics.empty() && error.diagnostics.front().message.starts_with("expected ");
}

/// Threadgroups that a kernel may have been written for, if nobody says.
std::vector<Size> likely_threadgroups(const ThreadCode& code) {
  if (code.uses_axis(2)) return {{8, 8, 4}, {4, 4, 4}};
  if (code.uses_axis(1)) return {{16, 16, 1}, {32, 8, 1}};
  return {{256, 1, 1}, {64, 1, 1}};
}

class Reading {
 public:
  Reading(const Request& request, const Text& text)
      : request_(request), text_(text), findings_(text.names) {}

  /// The compiler's error, if there is one.
  std::optional<Error> compile() {
    auto parsed = language::parse(text_.source, text_.options);
    if (!parsed) return parsed.error();
    library_ = *parsed;
    return std::nullopt;
  }

  std::vector<Finding> find() {
    for (const KernelInterface& kernel : library_->kernels()) read_kernel(kernel.name);
    // Without a tree, what the code told is told all the same.
    static_cast<void>(library_->look_at_tree([&](const language::SyntaxTree& tree) {
      read_syntax({request_, findings_, divergent_, unguarded_}, tree.compiler.getASTContext());
    }));
    return findings_.take(request_);
  }

  Findings& findings() { return findings_; }

 private:
  void read_kernel(const std::string& name) {
    auto ir = library_->emit(name);
    if (!ir) {
      if (ir.error().kind == ErrorKind::user) add_errors(request_, ir.error(), findings_);
      return;
    }
    auto code = ThreadCode::make(std::move(*ir), request_.threadgroup);
    if (!code || (*code)->function().getInstructionCount() > kMostInstructions) return;
    KernelReading kernel{.request = request_,
                         .code = **code,
                         .threadgroups = {},
                         .is_threadgroup_known = request_.threadgroup.has_value(),
                         .defaults_decide = text_.made_up,
                         .findings = findings_,
                         .unguarded = unguarded_};
    if (request_.threadgroup) {
      Size size = *request_.threadgroup;
      for (unsigned axis = 0; axis < 3; ++axis) {
        size[axis] = std::max(1u, size[axis]);
        if (request_.grid) size[axis] = std::min(size[axis], std::max(1u, (*request_.grid)[axis]));
      }
      if (uint64_t(size[0]) * size[1] * size[2] > 1024) kernel.is_threadgroup_known = false;
      kernel.threadgroups = {size};
    }
    if (!kernel.is_threadgroup_known) {
      kernel.threadgroups = likely_threadgroups(**code);
      std::erase_if(kernel.threadgroups, [&](const Size& size) { return !fits(kernel, size); });
    }
    find_divergent_barriers(kernel);
    find_missing_guards(kernel);
    find_costly_arithmetic(kernel);
    find_stack_arrays(kernel);
    note_divergence(**code);
    // What is asked of addresses depends on numbers.
    if (text_.made_up_numbers) return;
    find_races(kernel);
    find_uninitialised(kernel);
    find_partial_sums(kernel);
    find_wrong_indices(kernel);
    find_unfilled_outputs(kernel);
    find_strides(kernel);
    find_contended_atomics(kernel);
  }

  /// Branches that part the lanes of a simdgroup, for the syntax rules.
  void note_divergence(const ThreadCode& code) {
    for (const llvm::BasicBlock& block : code.function()) {
      const auto* branch = llvm::dyn_cast<llvm::BranchInst>(block.getTerminator());
      if (!branch || !branch->isConditional()) continue;
      if (!code.in_simdgroup().has_divergent_end(block)) continue;
      for (const llvm::DILocation* at = branch->getDebugLoc().get(); at; at = at->getInlinedAt()) {
        const llvm::StringRef file = at->getFilename();
        divergent_.insert(
            findings_.place_in({file.data(), file.size()}, at->getLine(), at->getColumn()));
      }
    }
  }

  const Request& request_;
  const Text& text_;
  Findings findings_;
  std::set<Place> divergent_, unguarded_;
  std::shared_ptr<language::ParsedLibrary> library_;
};

}  // namespace

std::vector<Finding> lint_kernel(const Request& request) {
  std::optional<Error> first;
  std::optional<Findings> said;
  bool made_up_decides = false;
  constexpr Guess kGuesses[] = {
      {Dtype::float32, false}, {Dtype::float32, true}, {Dtype::uint32, false},
      {Dtype::uint32, true},   {Dtype::float16, true},
  };
  for (const Guess& guess : kGuesses) {
    Text text;
    if (request.is_body) {
      auto made = make_body(request, guess);
      if (!made) return {};
      text = std::move(*made);
    } else {
      text = make_file(request);
    }
    Reading reading(request, text);
    auto error = reading.compile();
    if (!error) return reading.find();
    if (error->kind != ErrorKind::user) return {};
    // Of a call that isn't known nobody knows what template arguments would have declared.
    if (request.is_body && text.made_up_numbers) return {};
    if (request.is_body && !request.knows_templates && !is_of_grammar(*error)) return {};
    if (lacks_header(*error)) return {};
    if (text.lacks_mlx && !api::mlx_name_in(error->diagnostics).empty()) return {};
    if (!first) {
      first = error;
      said.emplace(reading.findings());
      add_errors(request, *error, *said);
    } else if (first->diagnostics.empty() || error->diagnostics.empty() ||
               first->diagnostics.front().message != error->diagnostics.front().message) {
      made_up_decides = true;
    }
    if (!text.made_up && !text.made_up_ranks) break;
  }
  return said && !made_up_decides ? said->take(request) : std::vector<Finding>();
}

}  // namespace anymetal::lint
