// For tests: a kernel from LLVM text, compiled and run through the public interface.
#pragma once

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/SourceMgr.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "ir/thread_ir.h"

namespace anymetal::backend::reference {

struct TestBuffer {
  std::string name;
  std::string type = "float";
  uint32_t element_bytes = 4;
  bool is_const = false;
  ParameterKind kind = ParameterKind::buffer;
};

/// The IR of a kernel "k" whose entry is @k.
inline ThreadIr make_ir(const std::string& text, const std::vector<TestBuffer>& buffers) {
  ThreadIr ir;
  ir.context = std::make_unique<llvm::LLVMContext>();
  llvm::SMDiagnostic diagnostic;
  ir.module = llvm::parseAssemblyString(text, diagnostic, *ir.context);
  EXPECT_TRUE(ir.module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  ir.entry = "k";
  ir.interface.name = "k";
  uint32_t index = 0;
  for (const TestBuffer& buffer : buffers) {
    Parameter parameter;
    parameter.name = buffer.name;
    parameter.kind = buffer.kind;
    parameter.type = buffer.type;
    parameter.space = buffer.kind == ParameterKind::threadgroup ? AddressSpace::threadgroup
                                                                : AddressSpace::device;
    parameter.size = parameter.alignment = buffer.element_bytes;
    parameter.is_const = buffer.is_const;
    parameter.index = index++;
    ir.interface.parameters.push_back(parameter);
  }
  return ir;
}

inline std::unique_ptr<CompiledKernel> compile_text(const std::string& text,
                                                    const std::vector<TestBuffer>& buffers,
                                                    Bounds bounds = Bounds::error) {
  auto kernel = reference_backend().compile(make_ir(text, buffers), {.bounds = bounds});
  if (!kernel.ok()) {
    ADD_FAILURE() << kernel.error().text();
    return nullptr;
  }
  return std::move(kernel).value();
}

template <class T>
Argument argument(std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}

inline Result<void> run(CompiledKernel& kernel, Extent grid, Extent threadgroup,
                        const std::vector<Argument>& arguments, uint64_t seed = 0,
                        const StopFlag* stop = nullptr) {
  return kernel.run({.grid = grid,
                     .threadgroup = threadgroup,
                     .arguments = arguments,
                     .stop = stop,
                     .schedule_seed = seed});
}

}  // namespace anymetal::backend::reference
