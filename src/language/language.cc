// The language room: Metal text → AST → LLVM IR of one thread.
//
// What comes in is text as people write it for Apple's compiler. What goes out is the interface of
// each kernel, read from Clang's AST, and for one kernel at a time the IR of one thread
// (docs/design/ir.md). The way there:
//
//   lex        Clang's preprocessor, the standard library precompiled under it        tokens.cc,
//   clang_instance.cc rewrite    Metal's tokens become C++'s, each with the user's place rewrite.cc
//   lists the passes parse      Clang's parser and Sema, in a mode that knows address spaces
//   parse_unit.cc interface  kernels and their parameters, from annotations on the AST
//   read_interface.cc entry      a function made of AST that calls the kernel build_entry.cc emit
//   Clang's code generator, fed only with what the kernel reaches          declaration_recorder.cc
//   finish     the contract of the IR, and the checks that need the whole kernel finish_module.cc
//
// Clang is used as a library and not as a program, so that nothing is written to disk, the AST
// stays alive for the next kernel of the same text, and every message is an object with a place.
#include "language/language.h"

#include <clang/AST/ASTContext.h>
#include <clang/AST/Attr.h>
#include <clang/AST/Mangle.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Basic/Version.h>
#include <clang/CodeGen/ModuleBuilder.h>
#include <clang/Sema/Sema.h>
#include <llvm/ADT/StringExtras.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "ir/thread_ir.h"
#include "language/big_stack.h"
#include "language/build_entry.h"
#include "language/clang_instance.h"
#include "language/declaration_recorder.h"
#include "language/finish_module.h"
#include "language/metal_rules.h"
#include "language/parse_unit.h"
#include "language/passes.h"
#include "language/precompile.h"
#include "language/read_interface.h"
#include "language/standard_library.h"
#include "language/syntax_tree.h"
#include "language/threadgroup_variables.h"
#include "language/type_layout.h"
#include "support/stop_flag.h"

namespace anymetal::language {
namespace {

/// Tells Clang where the user's files begin in the text, which starts with one line of ours.
void add_line_marks(clang::SourceManager& sources, const Source& source) {
  const auto file = sources.getMainFileID();
  const auto note = [&](size_t offset, const std::string& name, uint32_t line) {
    const std::string shown = name.empty() ? std::string(kOwnFile) + "generated" : name;
    const int id = static_cast<int>(sources.getLineTableFilenameID(shown));
    // A note counts from the line after it, so it stands on the newline before.
    sources.AddLineNote(
        sources.getLocForStartOfFile(file).getLocWithOffset(static_cast<int>(offset)), line, id,
        false, false, clang::SrcMgr::C_User);
  };
  if (source.marks.empty() || source.marks.front().offset > 0)
    note(0, source.marks.empty() ? source.name : "", 1);
  for (const auto& mark : source.marks) {
    if (mark.offset <= source.text.size()) note(mark.offset, mark.file, mark.line);
  }
}

class Library final : public ParsedLibrary {
 public:
  std::span<const KernelInterface> kernels() const override { return interfaces_; }
  std::span<const Diagnostic> warnings() const override { return warnings_; }
  std::span<const FunctionConstant> constants() const override { return constants_; }
  std::string rewritten_text() const override;
  Result<void> look_at_tree(const std::function<void(const SyntaxTree&)>& look) override;
  Result<ThreadIr> emit(std::string_view kernel, std::span<const ConstantValue> constants) override;

  Result<void> parse(const Source& source, const Options& options);
  Result<std::string> text_after(const Source& source, const Options& options,
                                 std::string_view pass);

 private:
  Result<std::unique_ptr<ClangInstance>> open(
      clang::ASTDeserializationListener* listener = nullptr) const;
  Result<void> parse_once(const Repairs& repairs);
  void read_kernels();
  void read_constants();
  void check_names();
  Error parse_error(std::vector<Diagnostic> first = {});
  Result<ThreadIr> emit_kernel(size_t index, std::span<const ConstantValue> constants);
  std::string line_of(const Diagnostic& place) const;
  void place_at_end(Diagnostic& diagnostic) const;
  void name_constants(std::span<const ConstantValue> values, FinishOptions& options);

  Source source_;
  Options options_;
  std::shared_ptr<const Precompiled> precompiled_;
  std::unique_ptr<ClangInstance> instance_;
  DeclarationRecorder* recorder_ = nullptr;
  std::vector<clang::FunctionDecl*> kernels_;
  std::vector<clang::FunctionDecl*> entries_;
  std::vector<KernelInterface> interfaces_;
  std::vector<FunctionConstant> constants_;
  std::vector<Diagnostic> warnings_;
  std::mutex mutex_;
};

Result<std::unique_ptr<ClangInstance>> Library::open(
    clang::ASTDeserializationListener* listener) const {
  InstanceOptions options{.math_mode = options_.math_mode,
                          .macros = options_.macros,
                          .include_dirs = options_.include_dirs,
                          .precompiled = precompiled_};
  ANYMETAL_ASSIGN_OR_RETURN(auto instance,
                            make_instance(options, "\n" + source_.text, clang::TU_Complete));
  add_line_marks(instance->compiler->getSourceManager(), source_);
  ANYMETAL_RETURN_IF_ERROR(open_precompiled(*instance, listener));
  return instance;
}

Result<void> Library::parse_once(const Repairs& repairs) {
  instance_.reset();
  ANYMETAL_ASSIGN_OR_RETURN(instance_, open());
  auto recorder = std::make_unique<DeclarationRecorder>();
  recorder_ = recorder.get();
  parse_unit(*instance_, std::move(recorder), clang::TU_Complete, &repairs);
  return {};
}

/// An error in generated text that no note explains: what the user wrote before it is to blame, so
/// it is shown at the last line that is the user's.
void Library::place_at_end(Diagnostic& diagnostic) const {
  size_t begin = 0, end = source_.text.size();
  diagnostic.file = source_.name;
  diagnostic.line = 1;
  for (size_t i = 0; i < source_.marks.size(); ++i) {
    const LineMark& mark = source_.marks[i];
    if (mark.file.empty() || mark.offset >= source_.text.size()) continue;
    begin = mark.offset;
    end = i + 1 < source_.marks.size() ? std::min(source_.marks[i + 1].offset, source_.text.size())
                                       : source_.text.size();
    diagnostic.file = mark.file;
    diagnostic.line = mark.line;
  }
  const std::string_view text = std::string_view(source_.text).substr(begin, end - begin);
  const size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return;
  diagnostic.line += static_cast<uint32_t>(
      std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(last), '\n'));
  diagnostic.text = line_of(diagnostic);
  if (diagnostic.message == "expected '}'")
    diagnostic.message = "a '{' in this text is never closed";
  if (diagnostic.message.starts_with("extraneous closing brace")) {
    diagnostic.message = "a '}' in this text closes more than was opened";
  }
}

/// What the text as it stands was refused for: the errors of the first round, but for those on
/// lines that a repair made right. Errors of the last round may speak of the repair.
std::vector<Diagnostic> without_repaired(std::vector<Diagnostic> first,
                                         std::vector<Diagnostic> last) {
  std::set<std::pair<std::string, uint32_t>> wrong;
  for (const auto& diagnostic : last) {
    if (diagnostic.severity == Severity::error) wrong.insert({diagnostic.file, diagnostic.line});
  }
  std::vector<Diagnostic> out;
  bool keep = false, errors = false;
  for (auto& diagnostic : first) {
    if (diagnostic.severity != Severity::note) {
      keep = diagnostic.severity == Severity::warning ||
             wrong.contains({diagnostic.file, diagnostic.line});
      errors |= keep && diagnostic.severity == Severity::error;
    }
    if (keep) out.push_back(std::move(diagnostic));
  }
  return errors ? std::move(out) : std::move(last);
}

Error Library::parse_error(std::vector<Diagnostic> first) {
  auto& collector = *instance_->diagnostics;
  const bool unsupported = collector.has_unsupported();
  Error error = user_error("");
  error.diagnostics = without_repaired(std::move(first), collector.take());
  for (auto& diagnostic : error.diagnostics) {
    if (diagnostic.severity != Severity::error) continue;
    if (diagnostic.file.empty()) {
      place_at_end(diagnostic);
    }
    if (error.message.empty()) error.message = diagnostic.message;
  }
  if (unsupported) error.kind = ErrorKind::unsupported;
  const auto errors = std::count_if(error.diagnostics.begin(), error.diagnostics.end(),
                                    [](const auto& d) { return d.severity == Severity::error; });
  error.message = unsupported ? "this text needs what is not supported yet"
                              : "the Metal text has " + std::to_string(errors) +
                                    (errors == 1 ? " error" : " errors");
  return error;
}

Result<void> Library::parse(const Source& source, const Options& options) {
  source_ = source;
  options_ = options;
  ANYMETAL_ASSIGN_OR_RETURN(precompiled_, precompiled_prefix(options));
  Repairs repairs;
  std::vector<Diagnostic> first;
  constexpr int kRounds = 4;
  for (int round = 0;; ++round) {
    ANYMETAL_RETURN_IF_ERROR(parse_once(repairs));
    if (stop_requested()) return compilation_stopped();
    if (!instance_->diagnostics->has_errors()) break;
    const auto& wanted = instance_->diagnostics->wanted_repairs().places;
    const size_t before = repairs.places.size();
    repairs.places.insert(wanted.begin(), wanted.end());
    if (repairs.places.size() == before || round + 1 == kRounds)
      return parse_error(std::move(first));
    if (round == 0) first = instance_->diagnostics->take();
  }
  check_metal_rules(instance_->compiler->getASTContext(), instance_->bare_pointers,
                    *instance_->diagnostics);
  if (instance_->diagnostics->has_errors()) return parse_error();
  read_kernels();
  read_constants();
  if (instance_->diagnostics->has_errors()) return parse_error();
  warnings_ = instance_->diagnostics->take();
  return {};
}

void Library::read_kernels() {
  auto& context = instance_->compiler->getASTContext();
  kernels_ = recorder_->kernels();
  const auto place = [](const clang::FunctionDecl* f) {
    return f->getPointOfInstantiation().isValid() ? f->getPointOfInstantiation() : f->getLocation();
  };
  std::sort(kernels_.begin(), kernels_.end(), [&](const auto* a, const auto* b) {
    return context.getSourceManager().isBeforeInTranslationUnit(place(a), place(b));
  });
  std::erase_if(kernels_, [](const clang::FunctionDecl* f) { return !f->isDefined(); });
  for (auto*& kernel : kernels_) {
    kernel = kernel->getDefinition();
    interfaces_.push_back(read_interface(context, *kernel, *instance_->diagnostics));
    interfaces_.back().threadgroup_bytes =
        prepare_threadgroup_variables(context, *kernel, *instance_->diagnostics);
    // The code generator must not see them.
    for (auto* declaration : kernel->redecls()) declaration->dropAttrs<clang::AnnotateAttr>();
    for (auto* parameter : kernel->parameters()) parameter->dropAttrs<clang::AnnotateAttr>();
  }
  entries_.resize(kernels_.size());
  check_names();
}

/// Kernels are asked for by name.
void Library::check_names() {
  std::map<std::string, const clang::FunctionDecl*> named;
  for (size_t i = 0; i < kernels_.size(); ++i) {
    const auto [other, fresh] = named.emplace(interfaces_[i].name, kernels_[i]);
    if (fresh) continue;
    auto& sources = instance_->compiler->getSourceManager();
    auto& diagnostics = *instance_->diagnostics;
    diagnostics.add(sources, kernels_[i]->getLocation(), Severity::error,
                    "there is a kernel '" + interfaces_[i].name + "' already");
    diagnostics.add(sources, other->second->getLocation(), Severity::note, "it is here");
    diagnostics.add(
        sources, {}, Severity::note,
        "give one of them another name, or a name of its own by [[host_name(\"...\")]]");
  }
}

void Library::read_constants() {
  auto& context = instance_->compiler->getASTContext();
  for (const auto& [variable, index] : recorder_->function_constants()) {
    FunctionConstant constant{.name = variable->getNameAsString(),
                              .index = index,
                              .type = metal_type_name(context, variable->getType()),
                              .element = element_of(context, variable->getType())};
    constant.size =
        static_cast<uint32_t>(context.getTypeSizeInChars(variable->getType()).getQuantity());
    const auto place = context.getSourceManager().getPresumedLoc(variable->getLocation());
    if (place.isValid()) constant.line = place.getLine();
    constants_.push_back(std::move(constant));
  }
  std::sort(constants_.begin(), constants_.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.index.value_or(UINT32_MAX), a.line, std::string_view(a.name)) <
           std::tuple(b.index.value_or(UINT32_MAX), b.line, std::string_view(b.name));
  });
}

Result<ThreadIr> Library::emit(std::string_view kernel, std::span<const ConstantValue> constants) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < interfaces_.size(); ++i) {
    if (interfaces_[i].name != kernel) continue;
    Result<ThreadIr> result = internal_error("nothing emitted");
    run_on_big_stack([&] { result = emit_kernel(i, constants); });
    return result;
  }
  std::string known;
  for (const auto& interface : interfaces_) known += (known.empty() ? "" : ", ") + interface.name;
  return user_error("there is no kernel '" + std::string(kernel) + "' in " + source_.name +
                    (known.empty() ? "; it has none" : "; it has: " + known));
}

void Library::name_constants(std::span<const ConstantValue> values, FinishOptions& options) {
  auto& context = instance_->compiler->getASTContext();
  const std::unique_ptr<clang::MangleContext> mangler(context.createMangleContext());
  for (const auto& [variable, index] : recorder_->function_constants()) {
    std::string name = variable->getNameAsString();
    if (mangler->shouldMangleDeclName(variable)) {
      name.clear();
      llvm::raw_string_ostream stream(name);
      mangler->mangleName(clang::GlobalDecl(variable), stream);
    }
    options.constant_names[name] = variable->getNameAsString();
    for (const auto& value : values) {
      const bool named =
          value.name.empty() ? index == value.index : value.name == variable->getNameAsString();
      if (named) options.constants[name] = value.bytes;
    }
  }
}

/// The user's line at a place that is known by name and number only.
std::string Library::line_of(const Diagnostic& place) const {
  size_t offset = 0;
  uint32_t line = 1;
  std::string_view file =
      source_.marks.empty() ? std::string_view(source_.name) : std::string_view();
  for (size_t mark = 0; offset <= source_.text.size();) {
    while (mark < source_.marks.size() && source_.marks[mark].offset <= offset) {
      file = source_.marks[mark].file;
      line = source_.marks[mark].line;
      ++mark;
    }
    const size_t end = std::min(source_.text.find('\n', offset), source_.text.size());
    if (file == place.file && line == place.line) return source_.text.substr(offset, end - offset);
    offset = end + 1;
    ++line;
  }
  return {};
}

Result<ThreadIr> Library::emit_kernel(size_t index, std::span<const ConstantValue> constants) {
  auto& compiler = *instance_->compiler;
  auto& collector = *instance_->diagnostics;
  ThreadIr ir;
  ir.entry = "am.kernel." + std::to_string(index);
  ir.interface = interfaces_[index];
  ir.math_mode = options_.math_mode;
  ir.context = std::make_unique<llvm::LLVMContext>();
  if (!entries_[index])
    entries_[index] =
        build_entry(compiler.getSema(), *kernels_[index], interfaces_[index], ir.entry);
  const std::unique_ptr<clang::CodeGenerator> generator(clang::CreateLLVMCodeGen(
      compiler.getDiagnostics(), source_.name, &compiler.getVirtualFileSystem(),
      compiler.getHeaderSearchOpts(), compiler.getPreprocessorOpts(), compiler.getCodeGenOpts(),
      *ir.context));
  if (entries_[index] && !collector.has_errors()) {
    generator->Initialize(compiler.getASTContext());
    recorder_->play(*generator);
    generator->HandleTopLevelDecl(clang::DeclGroupRef(kernels_[index]));
    generator->HandleTopLevelDecl(clang::DeclGroupRef(entries_[index]));
    generator->HandleTranslationUnit(compiler.getASTContext());
    recorder_->stop();
    ir.module.reset(generator->ReleaseModule());
  }
  if (stop_requested()) return compilation_stopped();
  if (!ir.module || collector.has_errors()) {
    Error error = internal_error("no code for kernel '" + ir.interface.name + "'");
    error.diagnostics = collector.take();
    return error;
  }
  FinishOptions options{.entry = ir.entry,
                        .restricts_arithmetic = instance_->restricts_arithmetic,
                        .constants = {},
                        .constant_names = {}};
  name_constants(constants, options);
  auto finished = finish_module(*ir.module, options, ir.interface.threadgroup_bytes);
  if (!finished) {
    Error error = finished.error();
    for (auto& diagnostic : error.diagnostics) diagnostic.text = line_of(diagnostic);
    return error;
  }
  return ir;
}

Result<std::string> Library::text_after(const Source& source, const Options& options,
                                        std::string_view pass) {
  source_ = source;
  options_ = options;
  ANYMETAL_ASSIGN_OR_RETURN(precompiled_, precompiled_prefix(options));
  ANYMETAL_ASSIGN_OR_RETURN(instance_, open());
  std::string text = language::rewritten_text(*instance_, pass);
  if (instance_->diagnostics->has_errors()) return parse_error();
  return text;
}

Result<void> Library::look_at_tree(const std::function<void(const SyntaxTree&)>& look) {
  const std::lock_guard lock(mutex_);
  const SyntaxTree tree{.compiler = *instance_->compiler,
                        .kernels = kernels_,
                        .interfaces = interfaces_,
                        .constants = recorder_->function_constants()};
  run_on_big_stack([&] { look(tree); });
  return {};
}

std::string Library::rewritten_text() const {
  std::string text;
  run_on_big_stack([&] {
    auto instance = open();
    if (instance) text = language::rewritten_text(**instance, {});
  });
  return text;
}

}  // namespace

Result<std::shared_ptr<ParsedLibrary>> parse(const Source& source, const Options& options) {
  constexpr size_t kTextLimit = size_t{64} << 20;
  if (source.text.size() > kTextLimit) {
    return user_error("the text has " + std::to_string(source.text.size()) +
                      " bytes; the limit is 64 MiB");
  }
  auto library = std::make_shared<Library>();
  Result<void> result;
  run_on_big_stack([&] { result = library->parse(source, options); });
  if (!result) return std::move(result).error();
  return std::shared_ptr<ParsedLibrary>(std::move(library));
}

Result<std::string> rewritten_text_after(const Source& source, const Options& options,
                                         std::string_view pass) {
  Result<std::string> text = internal_error("nothing rewritten");
  run_on_big_stack([&] { text = Library().text_after(source, options, pass); });
  return text;
}

std::string_view language_version() {
  static const std::string version = [] {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const auto& file : standard_library()) {
      for (const auto& part : {file.name, file.text}) {
        for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
      }
    }
    constexpr int kRoom = 10;  // raise it when the same text gives other IR
    return "language " + std::to_string(kRoom) + ", clang " + clang::getClangFullVersion() +
           ", library " + llvm::utohexstr(hash);
  }();
  return version;
}

}  // namespace anymetal::language
