#include "language/clang_instance.h"

#include <clang/AST/ASTConsumer.h>
#include <clang/Basic/TargetInfo.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Lex/HeaderSearch.h>
#include <clang/Lex/Preprocessor.h>
#include <clang/Lex/PreprocessorOptions.h>
#include <clang/Serialization/ASTReader.h>
#include <clang/Serialization/InMemoryModuleCache.h>
#include <clang/Serialization/PCHContainerOperations.h>
#include <llvm/Support/MemoryBuffer.h>

#include <mutex>

#include "language/standard_library.h"

namespace anymetal::language {
namespace {

constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

// SYCL's device mode is the one of Clang's modes in which the address spaces of a pointer are part
// of C++ types and the default space is a superset of all others, so that templates, references and
// overloads behave as in Metal (docs/design/language.md lists what was tried).
const std::vector<const char*> kFlags = {
    "-triple", kTriple, "-aux-triple", kTriple, "-x", "c++", "-std=c++2b", "-fsycl-is-device",
    "-nostdsysteminc", "-nobuiltininc", "-fdeclspec", "-cl-single-precision-constant",
    "-ffake-address-space-map", "-ffloat16-excess-precision=none",
    "-fbfloat16-excess-precision=none", "-fno-threadsafe-statics", "-fno-rtti", "-relaxed-aliasing",
    "-fno-finite-loops" /* `while (true)` is legal */, "-mrelocation-model", "static",
    // Metal's own keywords and idioms that C++ warns about.
    "-Wno-duplicate-decl-specifier", "-Wno-unknown-pragmas", "-Wno-ignored-attributes",
    "-Wno-builtin-macro-redefined", "-Wunused-variable", "-Wuninitialized",
    "-Wno-undefined-internal", "-Wno-undefined-inline", "-Wno-undefined-var-template",
    "-Wno-ignored-pragma-optimize", "-Wno-c99-designator", "-Wno-invalid-constexpr",
    "-Wno-sycl-strict", "-Werror=vla-cxx-extension",
    // Code generation: marked for optimisation, not optimised; places of instructions.
    "-emit-llvm-only", "-O3", "-disable-llvm-passes", "-debug-info-kind=line-tables-only",
    "-dwarf-version=4", "-fdebug-compilation-dir=.", "-disable-free"};

std::vector<const char*> floating_point_flags(MathMode mode) {
  switch (mode) {
    case MathMode::safe:
      return {"-ffp-contract=fast"};
    // As fast, but infinities and NaNs are honoured.
    case MathMode::relaxed:
      return {"-ffp-contract=fast", "-mreassociate", "-freciprocal-math", "-fno-signed-zeros",
              "-fapprox-func"};
    case MathMode::fast:
      return {"-ffp-contract=fast", "-mreassociate",
              "-freciprocal-math",  "-fno-signed-zeros",
              "-fapprox-func",      "-menable-no-infs",
              "-menable-no-nans",   "-funsafe-math-optimizations",
              "-ffast-math",        "-ffinite-math-only"};
  }
  return {};
}

bool make_invocation(clang::CompilerInvocation& invocation, const InstanceOptions& options,
                     clang::DiagnosticsEngine& diagnostics) {
  std::vector<const char*> flags = kFlags;
  for (const char* flag : floating_point_flags(options.math_mode)) flags.push_back(flag);
  flags.push_back("kernel.metal");
  if (!clang::CompilerInvocation::CreateFromArgs(invocation, flags, diagnostics)) return false;
  // Which functions are convergent is worked out from the builtins that they reach
  // (finish_module.cc).
  invocation.getLangOpts().ConvergentFunctions = false;
  // Rule 8 of docs/design/ir.md.
  invocation.getCodeGenOpts().DiscardValueNames = false;
  auto& preprocessor = invocation.getPreprocessorOpts();
  preprocessor.DisablePragmaDebugCrash = true;
  preprocessor.DisablePCHOrModuleValidation = clang::DisableValidationForModuleKind::All;
  preprocessor.AllowPCHWithCompilerErrors = false;
  preprocessor.addMacroDef("__AM_MATH_MODE=" + std::to_string(static_cast<int>(options.math_mode)));
  // What says that a machine or another language is meant, which a Metal text may ask for.
  for (const char* name : {"__linux__",
                           "__linux",
                           "linux",
                           "__gnu_linux__",
                           "__unix__",
                           "__unix",
                           "unix",
                           "__ELF__",
                           "__x86_64__",
                           "__x86_64",
                           "__amd64__",
                           "__amd64",
                           "__k8__",
                           "__k8",
                           "__SSE__",
                           "__SSE2__",
                           "__MMX__",
                           "__SSE_MATH__",
                           "__SSE2_MATH__",
                           "__SYCL_DEVICE_ONLY__",
                           "SYCL_LANGUAGE_VERSION",
                           "_GNU_SOURCE"}) {
    preprocessor.addMacroUndef(name);
  }
  preprocessor.addMacroUndef("__has_embed");  // Metal lacks it, and it needs a main file on disk
  // Metal 3.2 is a C++14 (its specification, 1.1); we take what later versions add.
  preprocessor.addMacroUndef("__cplusplus");
  preprocessor.addMacroDef("__cplusplus=201402L");
  for (const auto& [name, value] : options.macros) preprocessor.addMacroDef(name + "=" + value);
  auto& search = invocation.getHeaderSearchOpts();
  search.AddPath(options.precompiled ? kIncludedLibrary : kLibraryText, clang::frontend::Angled,
                 false, true);
  for (const auto& dir : options.include_dirs)
    search.AddPath(dir, clang::frontend::Angled, false, true);
  invocation.getFrontendOpts().DisableFree = false;
  return true;
}

void add_files(llvm::vfs::InMemoryFileSystem& files, const InstanceOptions& options) {
  const auto add = [&](llvm::StringRef path, std::string_view bytes) {
    files.addFileNoOwn(path, 1,
                       llvm::MemoryBufferRef(llvm::StringRef(bytes.data(), bytes.size()), path));
  };
  // With the library precompiled, its headers are there already: including one again adds nothing.
  // Some names are there for those who include them alone.
  for (const auto& file : standard_library()) {
    add(std::string(kLibraryText) + "/" + std::string(file.name), file.text);
    const bool apart = file.name.starts_with("simd/") || file.name == "TargetConditionals.h";
    if (options.precompiled)
      add(std::string(kIncludedLibrary) + "/" + std::string(file.name), apart ? file.text : "");
  }
  for (auto p = options.precompiled; p; p = p->base) add(p->name, p->bytes);
}

}  // namespace

Result<std::unique_ptr<ClangInstance>> make_instance(const InstanceOptions& options,
                                                     const std::string& text,
                                                     clang::TranslationUnitKind kind) {
  auto instance = std::make_unique<ClangInstance>();
  instance->diagnostics = std::make_shared<DiagnosticCollector>(options.include_dirs);
  instance->precompiled = options.precompiled;
  instance->own_files = new llvm::vfs::InMemoryFileSystem;
  add_files(*instance->own_files, options);
  llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> files = instance->own_files;
  if (!options.include_dirs.empty()) {
    auto overlay =
        llvm::makeIntrusiveRefCnt<llvm::vfs::OverlayFileSystem>(llvm::vfs::getRealFileSystem());
    overlay->pushOverlay(instance->own_files);
    files = overlay;
  }
  instance->compiler = std::make_unique<clang::CompilerInstance>();
  auto& compiler = *instance->compiler;
  compiler.createDiagnostics(instance->diagnostics.get(), /*ShouldOwnClient=*/false);
  compiler.getDiagnostics().setErrorLimit(20);
  if (!make_invocation(compiler.getInvocation(), options, compiler.getDiagnostics())) {
    return internal_error("Clang does not take our flags");
  }
  compiler.getDiagnosticOpts().ElideType = false;  // whole types: 'float3', not 'vec<[...], 3>'
  clang::ProcessWarningOptions(compiler.getDiagnostics(), compiler.getDiagnosticOpts(), false);
  compiler.createFileManager(files);
  compiler.createSourceManager(compiler.getFileManager());
  if (!compiler.createTarget()) return internal_error("Clang lacks the x86 target");
  auto& sources = compiler.getSourceManager();
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(text, std::string(kOwnFile) + "text");
  sources.setMainFileID(sources.createFileID(std::move(buffer)));
  compiler.createPreprocessor(kind);
  compiler.getPreprocessor().getBuiltinInfo().initializeBuiltins(
      compiler.getPreprocessor().getIdentifierTable(), compiler.getLangOpts());
  compiler.createASTContext();
  instance->diagnostics->BeginSourceFile(compiler.getLangOpts(), &compiler.getPreprocessor());
  return instance;
}

Result<void> open_precompiled(ClangInstance& instance,
                              clang::ASTDeserializationListener* listener) {
  if (!instance.precompiled) return {};
  instance.compiler->createPCHExternalASTSource(instance.precompiled->name,
                                                clang::DisableValidationForModuleKind::All, false,
                                                listener, /*OwnDeserializationListener=*/false);
  if (!instance.compiler->getASTContext().getExternalSource()) {
    return internal_error("the precompiled standard library can't be read");
  }
  return {};
}

}  // namespace anymetal::language
