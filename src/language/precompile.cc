#include "language/precompile.h"

#include <clang/Lex/Preprocessor.h>
#include <clang/Serialization/ASTWriter.h>
#include <clang/Serialization/PCHContainerOperations.h>

#include <map>
#include <mutex>

#include "language/big_stack.h"
#include "language/parse_unit.h"
#include "language/standard_library.h"
#include "support/stop_flag.h"

namespace anymetal::language {
namespace {

Error compile_error(ClangInstance& instance, std::string message) {
  Error error = user_error(std::move(message));
  if (instance.diagnostics->has_unsupported()) error.kind = ErrorKind::unsupported;
  error.diagnostics = instance.diagnostics->take();
  return error;
}

}  // namespace

Result<std::shared_ptr<Precompiled>> precompile(const InstanceOptions& options,
                                                const std::string& text, std::string name,
                                                const Repairs* repairs) {
  Repairs done = repairs ? *repairs : Repairs();
  for (int round = 0;; ++round) {
    ANYMETAL_ASSIGN_OR_RETURN(auto instance, make_instance(options, text, clang::TU_Prefix));
    auto& compiler = *instance->compiler;
    auto buffer = std::make_shared<clang::PCHBuffer>();
    auto generator = std::make_unique<clang::PCHGenerator>(
        compiler.getPreprocessor(), compiler.getModuleCache(), name, "", buffer,
        llvm::ArrayRef<std::shared_ptr<clang::ModuleFileExtension>>(), /*AllowASTWithErrors=*/false,
        /*IncludeTimestamps=*/false);
    ANYMETAL_RETURN_IF_ERROR(
        open_precompiled(*instance, generator->GetASTDeserializationListener()));
    auto& context = compiler.getASTContext();
    context.setASTMutationListener(generator->GetASTMutationListener());
    parse_unit(*instance, std::move(generator), clang::TU_Prefix, repairs ? &done : nullptr);
    if (stop_requested()) return compilation_stopped();
    if (instance->diagnostics->has_errors() || !buffer->IsComplete) {
      const size_t before = done.places.size();
      done.places.insert(instance->diagnostics->wanted_repairs().places.begin(),
                         instance->diagnostics->wanted_repairs().places.end());
      if (repairs && done.places.size() > before && round < 4) continue;
      return compile_error(*instance, "the headers before the text don't compile");
    }
    auto result = std::make_shared<Precompiled>();
    result->name = std::move(name);
    result->storage.assign(buffer->Data.begin(), buffer->Data.end());
    result->bytes = result->storage;
    result->base = options.precompiled;
    return result;
  }
}

Result<std::shared_ptr<const Precompiled>> precompiled_prefix(const Options& options) {
  ANYMETAL_ASSIGN_OR_RETURN(auto library, precompiled_library(options.math_mode));
  if (options.prefix.empty()) return library;
  // Everything that the compilation depends on, but for the files that the prefix includes: those
  // are part of an installed package, which doesn't change while a process uses it.
  std::string key = std::to_string(static_cast<int>(options.math_mode)) + '\0' + options.prefix;
  for (const auto& [macro, value] : options.macros) key += '\0' + macro + '=' + value;
  for (const auto& dir : options.include_dirs) key += '\0' + dir;
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Precompiled>> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(key); found != known.end()) return found->second;
  InstanceOptions instance{.math_mode = options.math_mode,
                           .macros = options.macros,
                           .include_dirs = options.include_dirs,
                           .precompiled = library};
  const Repairs none;
  ANYMETAL_ASSIGN_OR_RETURN(
      auto made,
      precompile(instance, options.prefix,
                 std::string(kOwnFile) + "prefix" + std::to_string(known.size()) + ".pch", &none));
  constexpr size_t kRemembered = 16;
  if (known.size() < kRemembered) known.emplace(std::move(key), made);
  return std::shared_ptr<const Precompiled>(made);
}

}  // namespace anymetal::language
