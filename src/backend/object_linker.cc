#include "backend/object_linker.h"

#include <llvm/ADT/StringSet.h>
#include <llvm/ExecutionEngine/JITLink/JITLinkMemoryManager.h>
#include <llvm/ExecutionEngine/Orc/Core.h>
#include <llvm/ExecutionEngine/Orc/ExecutorProcessControl.h>
#include <llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h>
#include <llvm/Object/ObjectFile.h>

#include <atomic>

#include "backend/fork_guard.h"

namespace anymetal::backend {
namespace {

/// One session for each executor; each kernel has a JITDylib of its own, so that it can be freed.
class Session {
 public:
  Session(std::string executor, const RuntimeSymbols& symbols) : executor_(std::move(executor)) {
    auto control = llvm::orc::SelfExecutorProcessControl::Create();
    if (!control) {
      failure_ = llvm::toString(control.takeError());
      return;
    }
    session_ = std::make_unique<llvm::orc::ExecutionSession>(std::move(*control));
    // Errors come back from each lookup; the session would print them as well.
    session_->setErrorReporter([](llvm::Error error) { llvm::consumeError(std::move(error)); });
    layer_ = std::make_unique<llvm::orc::ObjectLinkingLayer>(*session_);
    runtime_ = &session_->createBareJITDylib("runtime");
    llvm::orc::SymbolMap map;
    for (const auto& [name, address] : symbols) {
      map[session_->intern(name)] = {
          llvm::orc::ExecutorAddr::fromPtr(address),
          llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
      names_.insert(name);
    }
    if (auto error = runtime_->define(llvm::orc::absoluteSymbols(std::move(map)))) {
      failure_ = llvm::toString(std::move(error));
    }
  }

  Result<void> check_symbols(llvm::MemoryBufferRef buffer) const {
    auto object = llvm::object::ObjectFile::createObjectFile(buffer);
    if (!object) return internal_error(llvm::toString(object.takeError()));
    for (const auto& symbol : (*object)->symbols()) {
      auto flags = symbol.getFlags();
      if (!flags) return internal_error(llvm::toString(flags.takeError()));
      if (!(*flags & llvm::object::SymbolRef::SF_Undefined)) continue;
      auto name = symbol.getName();
      if (!name) return internal_error(llvm::toString(name.takeError()));
      if (name->empty() || *name == "_GLOBAL_OFFSET_TABLE_" || names_.contains(*name)) continue;
      return internal_error("compiled code calls '" + name->str() + "', which the executor '" +
                            executor_ + "' doesn't have");
    }
    return {};
  }

  Result<llvm::orc::JITDylib*> add(std::unique_ptr<llvm::MemoryBuffer> buffer) {
    auto& library = session_->createBareJITDylib("kernel" + std::to_string(next_.fetch_add(1)));
    library.addToLinkOrder(*runtime_);
    if (auto error = layer_->add(library, std::move(buffer))) {
      remove(library);
      return internal_error(llvm::toString(std::move(error)));
    }
    return &library;
  }

  Result<void*> find(llvm::orc::JITDylib& library, llvm::StringRef name) {
    auto symbol = session_->lookup({&library}, session_->intern(name));
    if (!symbol) return internal_error(llvm::toString(symbol.takeError()));
    return symbol->getAddress().toPtr<void*>();
  }

  void remove(llvm::orc::JITDylib& library) {
    llvm::consumeError(session_->removeJITDylib(library));
  }

  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  const std::string executor_;
  std::string failure_;
  std::unique_ptr<llvm::orc::ExecutionSession> session_;
  std::unique_ptr<llvm::orc::ObjectLinkingLayer> layer_;
  llvm::orc::JITDylib* runtime_ = nullptr;
  llvm::StringSet<> names_;
  std::atomic<uint64_t> next_{0};
};

class JitObject final : public LinkedObject {
 public:
  JitObject(Session& session, llvm::orc::JITDylib& library, void* entry)
      : session_(session), library_(library) {
    entry_ = entry;
  }
  ~JitObject() override {
    const ForkGuard guard;
    session_.remove(library_);
  }

 private:
  Session& session_;
  llvm::orc::JITDylib& library_;
};

class JitLinker final : public ObjectLinker {
 public:
  JitLinker(std::string executor, const RuntimeSymbols& symbols)
      : session_(std::move(executor), symbols) {}

  Result<std::unique_ptr<LinkedObject>> link(std::string_view object,
                                             std::string_view entry) override {
    if (!session_.failure().empty())
      return internal_error("the JIT doesn't start: " + session_.failure());
    const ForkGuard guard;
    auto buffer = llvm::MemoryBuffer::getMemBufferCopy({object.data(), object.size()}, "kernel");
    ANYMETAL_RETURN_IF_ERROR(session_.check_symbols(buffer->getMemBufferRef()));
    ANYMETAL_ASSIGN_OR_RETURN(llvm::orc::JITDylib * library, session_.add(std::move(buffer)));
    auto address = session_.find(*library, entry);
    if (!address.ok()) {
      session_.remove(*library);
      return std::move(address).error();
    }
    return std::unique_ptr<LinkedObject>(std::make_unique<JitObject>(session_, *library, *address));
  }

 private:
  Session session_;
};

}  // namespace

std::unique_ptr<ObjectLinker> make_object_linker(std::string executor,
                                                 const RuntimeSymbols& symbols) {
  return std::make_unique<JitLinker>(std::move(executor), symbols);
}

}  // namespace anymetal::backend
