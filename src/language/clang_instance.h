// One Clang, set up for Metal: flags, files in memory, the collector of diagnostics. Every parse
// has one of its own.
#pragma once

#include <clang/Frontend/CompilerInstance.h>
#include <llvm/Support/VirtualFileSystem.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "language/diagnostics.h"
#include "language/language.h"

namespace anymetal::language {

/// A precompiled header in memory, and those that it stands on.
struct Precompiled {
  std::string name;  ///< a path under kOwnFile, unique for the content
  std::string_view bytes;
  std::string storage;  ///< owns `bytes` unless they are part of this program
  std::shared_ptr<const Precompiled> base;
};

struct InstanceOptions {
  MathMode math_mode = MathMode::safe;
  std::vector<std::pair<std::string, std::string>> macros;
  std::vector<std::string> include_dirs;
  std::shared_ptr<const Precompiled>
      precompiled;  ///< null: only while the standard library itself is compiled
};

struct ClangInstance {
  // Order matters: the compiler instance refers to the others and goes first.
  std::shared_ptr<DiagnosticCollector> diagnostics;
  llvm::IntrusiveRefCntPtr<llvm::vfs::InMemoryFileSystem> own_files;
  std::shared_ptr<const Precompiled> precompiled;
  std::unique_ptr<clang::CompilerInstance> compiler;
  bool restricts_arithmetic = false;  ///< a pragma of the parsed text does (metal_pragmas.h)
  std::set<unsigned> bare_pointers;   ///< of the parsed text (metal_rules.h)
};

/// An instance with target, preprocessor and AST context, its main file being `text`. No Sema yet.
/// The listener is told what the precompiled headers bring (a precompiled header that is being
/// written needs it).
[[nodiscard]] Result<std::unique_ptr<ClangInstance>> make_instance(const InstanceOptions& options,
                                                                   const std::string& text,
                                                                   clang::TranslationUnitKind kind);

/// Opens the instance's precompiled header, if it has one. `listener` may be null.
[[nodiscard]] Result<void> open_precompiled(ClangInstance& instance,
                                            clang::ASTDeserializationListener* listener);

}  // namespace anymetal::language
