// Which accesses become a copy. That results stay what they were is shown where code runs
// (backend/cpu/cpu_backend_test.cc, test/run, fuzz/kernels).
#include "simt/transform/form_copies.h"

#include <gtest/gtest.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

namespace anymetal::simt {
namespace {

struct Made {
  unsigned copies = 0, loads = 0, stores = 0;
  bool operator==(const Made&) const = default;
};

Made made_of(const std::string& body) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  const auto module = llvm::parseAssemblyString(R"(
declare void @am.threadgroup_barrier(i32) convergent nounwind
define void @k(ptr addrspace(1) %x, ptr addrspace(3) %t, ptr addrspace(1) %y) {
)" + body + "  ret void\n}\n",
                                                diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str() << " in line " << diagnostic.getLineNo();
  if (!module) return {};
  llvm::Function& function = *module->getFunction("k");
  Made made{.copies = form_copies(function)};
  EXPECT_FALSE(llvm::verifyFunction(function, &llvm::errs()));
  for (const llvm::Instruction& instruction : llvm::instructions(function)) {
    made.loads += llvm::isa<llvm::LoadInst>(instruction);
    made.stores += llvm::isa<llvm::StoreInst>(instruction);
  }
  return made;
}

std::string load(int k, const std::string& type = "float") {
  const std::string n = std::to_string(k);
  return "  %a" + n + " = getelementptr " + type + ", ptr addrspace(1) %x, i64 " + n + "\n  %v" +
         n + " = load " + type + ", ptr addrspace(1) %a" + n + "\n";
}

std::string store(int k, int to, const std::string& type = "float",
                  const std::string& target = "ptr addrspace(3) %t") {
  const std::string n = std::to_string(k), space = target.substr(0, target.find('%'));
  return "  %b" + n + " = getelementptr " + type + ", " + target + ", i64 " + std::to_string(to) +
         "\n  store " + type + " %v" + n + ", " + space + "%b" + n + "\n";
}

std::string copy(int k, const std::string& type = "float") {
  return load(k, type) + store(k, k, type);
}

std::string copies(int first, int last, const std::string& type = "float") {
  std::string text;
  for (int k = first; k < last; ++k) text += copy(k, type);
  return text;
}

TEST(FormCopies, ElementsSideBySide) {
  EXPECT_EQ(made_of(copies(0, 4)), (Made{1, 1, 1}));
  EXPECT_EQ(made_of(copies(0, 16)), (Made{1, 1, 1}));
  EXPECT_EQ(made_of(copies(0, 20)), (Made{2, 2, 2})) << "64 bytes at most";
  EXPECT_EQ(made_of(copies(0, 8, "half")), (Made{1, 1, 1}));
  EXPECT_EQ(made_of(copies(0, 3)), (Made{0, 3, 3}));
  EXPECT_EQ(made_of(load(0) + load(1) + load(2) + load(3) + store(0, 0) + store(1, 1) +
                    store(2, 2) + store(3, 3)),
            (Made{1, 1, 1}));
}

TEST(FormCopies, NotWhereOneEndIsApart) {
  EXPECT_EQ(made_of(load(0) + store(0, 0) + load(1) + store(1, 36) + load(2) + store(2, 72) +
                    load(3) + store(3, 108)),
            (Made{0, 4, 4}));
}

TEST(FormCopies, NotOverWhatMayTouchThem) {
  const std::string half = copies(0, 2), rest = copies(2, 4);
  EXPECT_EQ(made_of(half + "  call void @am.threadgroup_barrier(i32 2)\n" + rest), (Made{0, 4, 4}));
  EXPECT_EQ(made_of(half + "  store float 1.0, ptr addrspace(1) %y\n" + rest), (Made{0, 4, 5}));
  EXPECT_EQ(made_of(half +
                    "  %r = load float, ptr addrspace(3) %t\n"
                    "  store float %r, ptr addrspace(1) %y\n" +
                    rest),
            (Made{0, 5, 5}));
  // What is read early isn't read again after it was written.
  EXPECT_EQ(
      made_of(load(0) + load(1) + load(2) + load(3) + "  store float 1.0, ptr addrspace(1) %x\n" +
              store(0, 0) + store(1, 1) + store(2, 2) + store(3, 3)),
      (Made{0, 4, 5}));
}

TEST(FormCopies, NotBetweenBuffersWhichMayBeOne) {
  std::string text;
  for (int k = 0; k < 4; ++k) text += load(k) + store(k, k, "float", "ptr addrspace(1) %y");
  EXPECT_EQ(made_of(text), (Made{0, 4, 4}));
}

}  // namespace
}  // namespace anymetal::simt
