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

/// `head` (up to the entry block, of a @k with `!dbg !4`; !9 is line 1), then `body`, with what the
/// places need behind it: lines of the body that end in "; line N" are line N of k.source.
inline std::string with_places(std::string head, std::string body) {
  std::string places;
  int next = 10;
  for (size_t at; (at = body.find(" ; line ")) != std::string::npos;) {
    const size_t end = body.find('\n', at);
    const std::string line = body.substr(at + 8, end - at - 8);
    body.replace(at, end - at, ", !dbg !" + std::to_string(next));
    places +=
        "!" + std::to_string(next++) + " = !DILocation(line: " + line + ", column: 3, scope: !4)\n";
  }
  return head + body + R"(}
!llvm.module.flags = !{!0}
!llvm.dbg.cu = !{!1}
!0 = !{i32 2, !"Debug Info Version", i32 3}
!1 = distinct !DICompileUnit(language: DW_LANG_C_plus_plus, file: !2, emissionKind: LineTablesOnly)
!2 = !DIFile(filename: "k.source", directory: "")
!3 = !DISubroutineType(types: !{})
!4 = distinct !DISubprogram(name: "k", file: !2, line: 1, type: !3, unit: !1, spFlags: DISPFlagDefinition)
!9 = !DILocation(line: 1, column: 1, scope: !4)
)" + places;
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
