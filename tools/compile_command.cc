// `anymetal compile`: what the compiler makes of a text, stage by stage, without running it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "api/bind_arguments.h"
#include "api/launch.h"
#include "api/mlx_prefix.h"
#include "language/passes.h"
#include "runtime/code_text.h"
#include "support/processor_time.h"
#include "tools/annotate.h"
#include "tools/body_file.h"
#include "tools/commands.h"

namespace anymetal::tools {
namespace {

struct CompileRequest {
  std::string file;
  std::string emit = "interface";
  std::string stop_after;
  std::string kernel;
  std::string name;
  std::string header;
  std::string math_mode;  ///< empty: the file's own, else safe
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> templates;
  std::vector<std::string> constants;
  std::vector<std::string> macros;
  std::vector<std::string> include_dirs;
  std::string threadgroup = "256";
  bool atomic_outputs = false;
  bool why = false;
  bool annotate = false;
  bool time = false;
  double parse_seconds = 0;       ///< for `time`
  std::string own_only_for_runs;  ///< of the file's own options, ignored

  [[nodiscard]] bool is_body() const { return !inputs.empty() || !outputs.empty(); }
};

/// The user's own texts by the names that places have, line by line.
class SourceLines {
 public:
  void add(const std::string& name, std::string text) { texts_[name] = std::move(text); }
  std::optional<std::string> operator()(std::string_view file, uint32_t line) {
    auto [text, is_new] = texts_.try_emplace(std::string(file));
    if (is_new) {
      std::ifstream stream{text->first};
      std::ostringstream contents;
      contents << stream.rdbuf();
      text->second = std::move(contents).str();
    }
    std::string_view rest = text->second;
    for (; line > 1; --line) {
      const size_t end = rest.find('\n');
      if (end == std::string_view::npos) return std::nullopt;
      rest.remove_prefix(end + 1);
    }
    return std::string(rest.substr(0, rest.find('\n')));
  }

 private:
  std::map<std::string, std::string> texts_;
};

/// A text that Clang can take: a whole file, or a body with its signature around it.
struct Text {
  language::Source source;
  language::Options options;
  std::string kernel;
  SourceLines lines;
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) return user_error(fmt::format("the file {} can't be read", path));
  return std::move(text).str();
}

void add_options(CLI::App& command, CompileRequest& request) {
  command.add_option("--kernel", request.kernel,
                     "The kernel of a .metal file; needed for llvm and asm if it has several");
  // One value each, so that a file's name may follow.
  const auto add_list = [&](const char* name, std::vector<std::string>& values, const char* help) {
    command.add_option(name, values, help)->allow_extra_args(false);
  };
  add_list("--input", request.inputs, "An input of a body: x:float32[2,3]");
  add_list("--output", request.outputs, "An output of a body: y:float32[6]");
  add_list("--template", request.templates, "A template argument: T=float32, N=4");
  command.add_option("--header", request.header, "A file with the body's header");
  command.add_option("--name", request.name, "The body's kernel name; else the file's");
  command.add_flag("--atomic-outputs", request.atomic_outputs, "As metal_kernel's atomic_outputs");
  command.add_option("--math-mode", request.math_mode, "safe (the default), relaxed or fast")
      ->check(CLI::IsMember({"safe", "relaxed", "fast"}));
  add_list("--constant", request.constants,
           "A function constant of a .metal file, by name or index: causal=true, 4=0.5");
  add_list("-D", request.macros, "A macro of a .metal file: NAME or NAME=VALUE");
  add_list("-I", request.include_dirs, "A folder for #include");
}

/// Options that the file itself gives. Those of the command line win where only one value can be.
Result<void> read_own_options(std::string_view text, CompileRequest& request) {
  std::vector<std::string> words = leading_options(text);
  if (words.empty()) return {};
  CompileRequest own;
  CLI::App parser;
  add_options(parser, own);
  // What only a run needs: `anymetal bench` reads the same lines.
  for (const char* name : {"--grid", "--threadgroup", "--init-value"})
    parser.add_option(name, request.own_only_for_runs);
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    parser.parse(words);
  } catch (const CLI::ParseError& error) {
    return user_error(fmt::format("{}: the //! lines: {}", request.file, error.what()));
  }
  for (auto member :
       {&CompileRequest::inputs, &CompileRequest::outputs, &CompileRequest::templates,
        &CompileRequest::constants, &CompileRequest::macros, &CompileRequest::include_dirs}) {
    if ((request.*member).empty()) request.*member = own.*member;
  }
  for (auto member : {&CompileRequest::kernel, &CompileRequest::name, &CompileRequest::header,
                      &CompileRequest::math_mode}) {
    if ((request.*member).empty()) request.*member = own.*member;
  }
  request.atomic_outputs |= own.atomic_outputs;
  return {};
}

MathMode math_mode_of(const std::string& name) {
  return name == "fast" ? MathMode::fast : name == "relaxed" ? MathMode::relaxed : MathMode::safe;
}

std::string stem(const std::string& path) {
  const std::string file = path.substr(path.find_last_of('/') + 1);
  return file.substr(0, file.find('.'));
}

Result<api::Signature> body_signature(const CompileRequest& request, std::string body) {
  api::KernelDefinition definition;
  definition.name = request.name.empty() ? stem(request.file) : request.name;
  definition.source = std::move(body);
  definition.atomic_outputs = request.atomic_outputs;
  definition.math_mode = math_mode_of(request.math_mode);
  if (!request.header.empty()) {
    ANYMETAL_ASSIGN_OR_RETURN(definition.header, read_file(request.header));
  }
  std::vector<api::InputType> inputs;
  std::vector<Dtype> outputs;
  api::TemplateArguments templates;
  for (const std::string& text : request.inputs) {
    ANYMETAL_ASSIGN_OR_RETURN(const NamedArray array, parse_array(text));
    definition.input_names.push_back(array.name);
    inputs.push_back(array.type());
  }
  for (const std::string& text : request.outputs) {
    ANYMETAL_ASSIGN_OR_RETURN(const NamedArray array, parse_array(text));
    definition.output_names.push_back(array.name);
    outputs.push_back(array.dtype);
  }
  for (const std::string& text : request.templates) {
    ANYMETAL_ASSIGN_OR_RETURN(auto argument, parse_template(text));
    templates.push_back(std::move(argument));
  }
  api::KernelFamily family(std::move(definition));
  return api::Signature(*family.signature(inputs, outputs, templates));
}

language::Options file_options(const CompileRequest& request) {
  language::Options options{.math_mode = math_mode_of(request.math_mode),
                            .include_dirs = request.include_dirs};
  for (const std::string& macro : request.macros) {
    const size_t equals = macro.find('=');
    options.macros.emplace_back(macro.substr(0, equals),
                                equals == std::string::npos ? "1" : macro.substr(equals + 1));
  }
  return options;
}

Result<Text> read_text(CompileRequest& request) {
  ANYMETAL_ASSIGN_OR_RETURN(std::string text, read_file(request.file));
  ANYMETAL_RETURN_IF_ERROR(read_own_options(text, request));
  if (!request.is_body()) {
    return Text{.source = {.text = std::move(text), .name = request.file},
                .options = file_options(request),
                .kernel = request.kernel};
  }
  SourceLines lines;
  const std::string name = request.name.empty() ? stem(request.file) : request.name;
  lines.add(name + ".source", text);
  if (!request.header.empty()) {
    ANYMETAL_ASSIGN_OR_RETURN(std::string header, read_file(request.header));
    lines.add(name + ".header", std::move(header));
  }
  ANYMETAL_ASSIGN_OR_RETURN(api::Signature signature, body_signature(request, std::move(text)));
  ANYMETAL_ASSIGN_OR_RETURN(const auto prefix, api::current_prefix());
  return Text{.source = {.text = std::move(signature.text),
                         .name = signature.name + ".metal",
                         .marks = std::move(signature.marks)},
              .options = {.math_mode = signature.math_mode, .prefix = prefix->text},
              .kernel = std::move(signature.kernel_name),
              .lines = std::move(lines)};
}

std::string interface_text(const KernelInterface& kernel) {
  std::string out = fmt::format("kernel {}\n", kernel.name);
  for (const Parameter& parameter : kernel.parameters) {
    out += fmt::format("  {}\n", describe(parameter));
  }
  return out + fmt::format("  threadgroup memory: {} bytes; at most {} threads a threadgroup\n",
                           kernel.threadgroup_bytes, kernel.max_total_threads_per_threadgroup);
}

Result<std::string> only_kernel(const language::ParsedLibrary& library, const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  if (library.kernels().size() == 1) return library.kernels()[0].name;
  std::string names;
  for (const KernelInterface& kernel : library.kernels()) names += " " + kernel.name;
  return user_error(names.empty() ? "the text has no kernel"
                                  : "which kernel? Say --kernel NAME with one of:" + names);
}

/// "256", "32,8": one to three numbers of threads.
std::optional<backend::Extent> parse_threadgroup(std::string_view text) {
  uint32_t size[3] = {1, 1, 1};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (uint32_t& each : size) {
    const auto [behind, error] = std::from_chars(at, end, each);
    if (error != std::errc() || each == 0 || each > 1024) return std::nullopt;
    if (behind == end) return backend::Extent{size[0], size[1], size[2]};
    if (*behind != ',') return std::nullopt;
    at = behind + 1;
  }
  return std::nullopt;
}

std::string check_threadgroup(const std::string& text) {
  if (parse_threadgroup(text)) return {};
  return "'" + text + "' is no threadgroup: one to three numbers from 1 to 1024, as in 256 or 32,8";
}

/// Of the environment; --emit=simt is about the CPU executor, and passes of --emit=llvm are the
/// reference executor's, whichever runs kernels.
runtime::Settings settings_for(const CompileRequest& request) {
  const auto on = [](std::string_view executor) {
    return runtime::Settings::from_environment([executor](const char* name) {
      return name == std::string_view("ANYMETAL_EXECUTOR") ? executor.data() : std::getenv(name);
    });
  };
  if (request.emit == "llvm") return on("reference");
  if (request.emit != "simt") return runtime::Settings::from_environment();
  runtime::Settings settings = on("cpu");
  if (settings.bounds == backend::Bounds::error) settings.bounds = backend::Bounds::robust;
  return settings;
}

Result<std::vector<language::ConstantValue>> constants_of(const language::ParsedLibrary& library,
                                                          const CompileRequest& request) {
  ConstantValues values;
  for (const std::string& text : request.constants) {
    ANYMETAL_ASSIGN_OR_RETURN(auto constant, parse_constant(text));
    values.push_back(std::move(constant));
  }
  return api::constant_values(library.constants(), request.file, values);
}

/// Milliseconds of processor time, and how much IR there is after each pass.
std::string time_table(const std::vector<PassTime>& times) {
  std::string out = fmt::format("{:<26}{:>10}{:>14}\n", "", "ms", "instructions");
  double all = 0;
  for (const PassTime& pass : times) {
    all += pass.seconds;
    out += fmt::format("{:<26}{:>10.2f}{:>14}\n", pass.name, pass.seconds * 1e3,
                       pass.size == 0 ? "" : std::to_string(pass.size));
  }
  return out + fmt::format("{:<26}{:>10.2f}\n", "all", all * 1e3);
}

Result<std::string> emit_code(language::ParsedLibrary& library, const Text& text,
                              const CompileRequest& request) {
  ANYMETAL_ASSIGN_OR_RETURN(const std::string kernel, only_kernel(library, text.kernel));
  runtime::Settings settings = settings_for(request);
  if (settings.invalid) return *settings.invalid;
  ANYMETAL_ASSIGN_OR_RETURN(auto constants, constants_of(library, request));
  const runtime::KernelChoice choice{.library = library,
                                     .kernel = kernel,
                                     .constants = std::move(constants),
                                     .settings = std::move(settings),
                                     .threadgroup = *parse_threadgroup(request.threadgroup)};
  if (request.time) {
    ANYMETAL_ASSIGN_OR_RETURN(auto times, runtime::time_passes(choice));
    times.insert(times.begin(), {"parse", request.parse_seconds, 0});
    return time_table(times);
  }
  if (request.why) {
    ANYMETAL_ASSIGN_OR_RETURN(const auto lines, runtime::remark_lines(choice));
    return fmt::format("{}", fmt::join(lines, "\n"));
  }
  if (request.annotate) {
    ANYMETAL_ASSIGN_OR_RETURN(const std::string assembly, runtime::assembly_text(choice, true));
    return annotate(assembly, text.lines);
  }
  if (request.emit == "asm") return runtime::assembly_text(choice);
  if (request.emit == "simt" || !request.stop_after.empty())
    return runtime::ir_text_after(choice,
                                  request.stop_after.empty() ? "vectorize" : request.stop_after);
  return runtime::thread_ir_text(choice);
}

template <class Pass>
bool has_name(const std::vector<Pass>& passes, std::string_view name) {
  return std::any_of(passes.begin(), passes.end(), [&](const Pass& p) { return p.name == name; });
}

template <class Pass>
std::string list(std::string_view title, const std::vector<Pass>& passes) {
  std::string out = fmt::format("{}\n", title);
  for (const Pass& pass : passes) out += fmt::format("  {:<32}{}\n", pass.name, pass.what);
  return out;
}

std::string list_passes() {
  return list("of the text's tokens (--emit=tokens --stop-after=NAME):",
              language::rewrite_passes()) +
         list("of the IR, reference executor (--emit=llvm --stop-after=NAME):",
              runtime::pass_names("reference")) +
         list("of the IR, CPU executor (--emit=simt --stop-after=NAME):",
              runtime::pass_names("cpu"));
}

/// What CLI11 can't check by itself.
void check_usage(const CompileRequest& request) {
  const std::string& name = request.stop_after;
  if (request.annotate && (request.emit != "asm" || request.why))
    throw CLI::ValidationError("--annotate needs --emit=asm, without --why");
  if (request.time && (request.emit != "simt" || request.why || !name.empty()))
    throw CLI::ValidationError("--time needs --emit=simt, without --why and --stop-after");
  if (request.file.empty() && request.emit != "passes") throw CLI::RequiredError("FILE");
  if (name.empty()) return;
  const bool known = request.emit == "tokens" ? has_name(language::rewrite_passes(), name)
                     : request.emit == "llvm" || request.emit == "simt"
                         ? has_name(runtime::pass_names(settings_for(request).executor), name)
                         : throw CLI::ValidationError(
                               "--stop-after needs --emit=tokens, --emit=llvm or --emit=simt");
  if (known) return;
  throw CLI::ValidationError(
      fmt::format("--emit={} has no pass '{}'\n\n{}", request.emit, name, list_passes()));
}

Result<std::string> compile(CompileRequest& request) {
  if (request.emit == "passes") return list_passes();
  if (request.emit == "signature") {
    ANYMETAL_ASSIGN_OR_RETURN(std::string text, read_file(request.file));
    ANYMETAL_RETURN_IF_ERROR(read_own_options(text, request));
    if (!request.is_body()) {
      return user_error(
          "--emit=signature is for bodies: name what they get, --input x:float32[16] --output "
          "y:float32[16]");
    }
    ANYMETAL_ASSIGN_OR_RETURN(const api::Signature signature,
                              body_signature(request, std::move(text)));
    return signature.text;
  }
  ANYMETAL_ASSIGN_OR_RETURN(const Text text, read_text(request));
  if (request.emit == "tokens" && !request.stop_after.empty())
    return language::rewritten_text_after(text.source, text.options, request.stop_after);
  const double start = processor_seconds();
  ANYMETAL_ASSIGN_OR_RETURN(const auto library, language::parse(text.source, text.options));
  request.parse_seconds = processor_seconds() - start;
  std::cerr << render(library->warnings());
  if (request.emit == "tokens") return library->rewritten_text();
  if (request.emit != "interface") {
    return emit_code(*library, text, request);
  }
  std::string out;
  for (const KernelInterface& kernel : library->kernels()) {
    if (text.kernel.empty() || text.kernel == kernel.name) out += interface_text(kernel);
  }
  return out.empty() ? only_kernel(*library, "") : out;
}

}  // namespace

void add_compile(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand(
      "compile", "Shows what the compiler makes of a .metal file or of a metal_kernel body");
  auto request = std::make_shared<CompileRequest>();
  command->add_option("FILE", request->file, "A .metal file, or a body");
  command
      ->add_option("--emit", request->emit,
                   "signature: a body's full text, as MLX writes it\n"
                   "tokens: the text after the rewrite, as Clang sees it\n"
                   "interface: parameters and limits of each kernel (the default)\n"
                   "llvm: the IR of one thread\n"
                   "simt: the CPU executor's vector code, as IR of a threadgroup\n"
                   "asm: machine code of the chosen executor (ANYMETAL_EXECUTOR)\n"
                   "passes: the names of the passes, for --stop-after (no FILE)")
      ->check(CLI::IsMember({"signature", "tokens", "interface", "llvm", "simt", "asm", "passes"}));
  command->add_option("--stop-after", request->stop_after,
                      "A pass: with tokens, llvm or simt, shows what there is after it");
  command
      ->add_option("--threadgroup", request->threadgroup,
                   "Threads of a threadgroup, for which the CPU executor makes code: 256, or 32,8")
      ->check(check_threadgroup);
  command->add_flag("--why", request->why,
                    "With simt or asm: instead of code, what isn't as fast as it looks, and why");
  command->add_flag(
      "--annotate", request->annotate,
      "With asm: below each line of the text its instructions, with marks for spills, "
      "gathers, masks and calls, and a count for each line");
  command->add_flag("--time", request->time,
                    "With simt: instead of code, the processor time of each pass, without caches");
  add_options(*command, *request);
  command->footer(
      "A body's options may also stand in the file, in lines at its top that start with //!\n\n"
      "Examples:\n"
      "  anymetal compile kernels.metal\n"
      "  anymetal compile kernels.metal --emit=llvm --kernel scale\n"
      "  anymetal compile kernels.metal --emit=llvm --stop-after=instrument-bounds\n"
      "  anymetal compile kernels.metal --emit=simt --why --threadgroup 16,16\n"
      "  anymetal compile kernels.metal --emit=asm --annotate --threadgroup 256\n"
      "  anymetal compile kernels.metal --emit=simt --time --threadgroup 256\n"
      "  anymetal compile exp.metal --emit=signature --input x:float32[16] --output y:float32[16]");
  command->callback([request, &status] {
    check_usage(*request);
    auto out = compile(*request);
    if (!out) {
      status = report(out.error());
      return;
    }
    std::cout << *out;
    if (!out->empty() && out->back() != '\n') std::cout << '\n';
  });
}

}  // namespace anymetal::tools
