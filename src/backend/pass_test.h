// For tests of one pass: LLVM text in, the pass, text out.
#pragma once

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <string>
#include <string_view>

#include "backend/code_generation.h"
#include "backend/thread_function.h"

namespace anymetal::backend {

class PassTest : public testing::Test {
 protected:
  PassTest() {
    llvm::PassBuilder builder;
    builder.registerFunctionAnalyses(analyses_);
    loops_.registerPass([&] { return llvm::FunctionAnalysisManagerLoopProxy(analyses_); });
    analyses_.registerPass([&] { return llvm::LoopAnalysisManagerFunctionProxy(loops_); });
  }

  /// Reads the text and returns its entry @k.
  llvm::Function& read(const std::string& text) {
    llvm::SMDiagnostic diagnostic;
    module_ = llvm::parseAssemblyString(text, diagnostic, context_);
    EXPECT_TRUE(module_) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
    EXPECT_TRUE(set_host_target(*module_).ok());
    return *module_->getFunction("k");
  }
  ThreadFunction read_thread(const std::string& text) { return make_thread_function(read(text)); }

  /// The module's text, after checking that it is legal.
  std::string written() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    EXPECT_FALSE(llvm::verifyModule(*module_, &stream)) << stream.str();
    text.clear();
    module_->print(stream, nullptr);
    return text;
  }

  /// That the pieces stand in the text in this order.
  static void expect_in_order(const std::string& text,
                              std::initializer_list<std::string_view> pieces) {
    size_t at = 0;
    for (const std::string_view piece : pieces) {
      const size_t found = text.find(piece, at);
      ASSERT_NE(found, std::string::npos) << "no '" << piece << "' where it should be in\n" << text;
      at = found + piece.size();
    }
  }

  static size_t count(const std::string& text, std::string_view piece) {
    size_t number = 0;
    for (size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1))
      ++number;
    return number;
  }

  llvm::LLVMContext context_;
  std::unique_ptr<llvm::Module> module_;
  llvm::LoopAnalysisManager loops_;
  llvm::FunctionAnalysisManager analyses_;
};

}  // namespace anymetal::backend
