#include "backend/message_sites.h"

#include <llvm/Analysis/ConstantFolding.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Module.h>

#include <optional>

namespace anymetal::backend {
namespace {

/// The constant that a value is, if it is one: also a member of a constant object, such as a log's
/// names.
llvm::Constant* find_constant_value(llvm::Value* value, const llvm::DataLayout& layout) {
  if (auto* constant = llvm::dyn_cast<llvm::Constant>(value)) return constant;
  auto* load = llvm::dyn_cast<llvm::LoadInst>(value);
  if (!load) return nullptr;
  llvm::APInt offset(layout.getIndexTypeSizeInBits(load->getPointerOperandType()), 0);
  auto* object = llvm::dyn_cast<llvm::GlobalVariable>(
      load->getPointerOperand()->stripAndAccumulateConstantOffsets(layout, offset, true));
  if (!object || !object->isConstant() || !object->hasDefinitiveInitializer()) return nullptr;
  return llvm::ConstantFoldLoadFromConst(object->getInitializer(), load->getType(), offset, layout);
}

std::optional<std::string> find_literal(llvm::Value* value, const llvm::DataLayout& layout) {
  llvm::Constant* constant = find_constant_value(value->stripPointerCasts(), layout);
  llvm::StringRef text;
  if (!constant || !llvm::getConstantStringInfo(constant->stripPointerCasts(), text))
    return std::nullopt;
  return text.str();
}

}  // namespace

Result<uint32_t> add_message_site(const llvm::CallInst& call, std::vector<MessageSite>& sites,
                                  const std::string& place) {
  const llvm::DataLayout& layout = call.getModule()->getDataLayout();
  const auto format = find_literal(call.getArgOperand(0), layout);
  if (!format)
    return user_error("the format of a message must be a string literal (" + place + ")");
  sites.push_back({*format, find_literal(call.getArgOperand(4), layout).value_or(""),
                   find_literal(call.getArgOperand(5), layout).value_or("")});
  return uint32_t(sites.size() - 1);
}

}  // namespace anymetal::backend
