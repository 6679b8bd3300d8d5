// A test double for the rooms below: a "language" whose text is a list of kernel names, and a "back
// end" whose kernels are host functions. It counts what is asked of it, so that tests of caches can
// see who was spared.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <sstream>

#include "ir/thread_ir.h"
#include "runtime/runtime.h"

namespace anymetal::runtime {

struct FakeKernel {
  KernelInterface interface;
  std::function<Result<void>(const backend::Dispatch&)> body;
};

class FakeEngine {
 public:
  std::map<std::string, FakeKernel, std::less<>> kernels;
  bool specializes = false;
  std::string backend_version = "1";
  std::function<void()> while_compiling = [] {};
  std::atomic<int> parsed{0}, emitted{0}, compiled{0}, loaded{0};

  FakeEngine() : backend_(*this) {}

  Engine engine() {
    Engine made;
    made.parse = [this](const language::Source& source, const language::Options&) {
      return parse(source);
    };
    made.language_version = "fake";
    made.backend = &backend_;
    return made;
  }

  /// A kernel of float buffers: the first `inputs` are const, then `outputs`.
  static KernelInterface interface(std::string name, std::vector<std::string> inputs,
                                   std::vector<std::string> outputs) {
    KernelInterface made;
    made.name = std::move(name);
    uint32_t index = 0;
    for (auto* list : {&inputs, &outputs})
      for (std::string& one : *list)
        made.parameters.push_back({.name = one,
                                   .kind = ParameterKind::buffer,
                                   .type = "float",
                                   .space = AddressSpace::device,
                                   .size = 4,
                                   .alignment = 4,
                                   .is_const = list == &inputs,
                                   .index = index++});
    return made;
  }

 private:
  class Tree final : public language::ParsedLibrary {
   public:
    Tree(FakeEngine& fake, std::vector<KernelInterface> kernels)
        : fake_(fake), kernels_(std::move(kernels)) {}
    std::span<const KernelInterface> kernels() const override { return kernels_; }
    std::span<const Diagnostic> warnings() const override { return {}; }
    Result<ThreadIr> emit(std::string_view kernel,
                          std::span<const language::ConstantValue>) override {
      ++fake_.emitted;
      ThreadIr ir;
      ir.interface = fake_.kernels.find(kernel)->second.interface;
      return ir;
    }
    std::string rewritten_text() const override { return {}; }

   private:
    FakeEngine& fake_;
    std::vector<KernelInterface> kernels_;
  };

  class Code final : public backend::CompiledKernel {
   public:
    explicit Code(const FakeKernel& kernel) : kernel_(kernel) {}
    Result<void> run(const backend::Dispatch& dispatch) override { return kernel_.body(dispatch); }
    const KernelInterface& interface() const override { return kernel_.interface; }
    std::string_view object() const override { return kernel_.interface.name; }

   private:
    FakeKernel kernel_;
  };

  class FakeBackend final : public backend::Backend {
   public:
    explicit FakeBackend(FakeEngine& fake) : fake_(fake) {}
    std::string_view name() const override { return "fake"; }
    std::string version() const override { return fake_.backend_version; }
    bool specializes_threadgroup() const override { return fake_.specializes; }
    Result<std::unique_ptr<backend::CompiledKernel>> compile(
        ThreadIr ir, const backend::CompileOptions&) override {
      ++fake_.compiled;
      fake_.while_compiling();
      return find(ir.interface.name);
    }
    Result<std::unique_ptr<backend::CompiledKernel>> load(std::string_view object,
                                                          const KernelInterface&,
                                                          const backend::CompileOptions&) override {
      ++fake_.loaded;
      return find(object);
    }

   private:
    Result<std::unique_ptr<backend::CompiledKernel>> find(std::string_view name) {
      auto found = fake_.kernels.find(name);
      if (found == fake_.kernels.end()) return internal_error("no such fake kernel");
      return std::unique_ptr<backend::CompiledKernel>(std::make_unique<Code>(found->second));
    }
    FakeEngine& fake_;
  };

  Result<std::shared_ptr<language::ParsedLibrary>> parse(const language::Source& source) {
    ++parsed;
    std::vector<KernelInterface> found;
    std::istringstream words(source.text);
    for (std::string word; words >> word;) {
      auto kernel = kernels.find(word);
      if (kernel == kernels.end()) return user_error("unknown kernel " + word);
      found.push_back(kernel->second.interface);
    }
    return std::shared_ptr<language::ParsedLibrary>(
        std::make_shared<Tree>(*this, std::move(found)));
  }

  FakeBackend backend_;
};

/// y[i] = x[i] + 1, on the threads of the grid.
inline FakeKernel add_one() {
  return {FakeEngine::interface("add_one", {"x"}, {"y"}),
          [](const backend::Dispatch& d) -> Result<void> {
            const auto* x = static_cast<const float*>(d.arguments[0].data);
            auto* y = static_cast<float*>(d.arguments[1].data);
            uint64_t count = std::min(d.grid.volume(), d.arguments[1].size / sizeof(float));
            for (uint64_t i = 0; i < count; ++i) y[i] = x[i] + 1;
            return {};
          }};
}

/// Runs until it is stopped.
inline FakeKernel spin() {
  return {FakeEngine::interface("spin", {}, {}), [](const backend::Dispatch& d) -> Result<void> {
            while (d.stop->reason() == 0) {
            }
            return Error{ErrorKind::stopped, "stopped", {}};
          }};
}

}  // namespace anymetal::runtime
