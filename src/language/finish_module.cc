#include "language/finish_module.h"

#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Demangle/Demangle.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/InferAddressSpaces.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Scalar/TailRecursionElimination.h>
#include <llvm/Transforms/Utils/Cloning.h>
#include <llvm/Transforms/Utils/Evaluator.h>

#include <set>
#include <vector>

#include "builtins/builtins.h"
#include "ir/thread_ir.h"
#include "language/store_addresses.h"

namespace anymetal::language {
namespace {

/// The user's name of a function or variable: without parameters and enclosing functions.
std::string user_name(llvm::StringRef ir_name) {
  std::string name = llvm::demangle(ir_name.str());
  size_t depth = 0, begin = 0, end = name.size();
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '(' || c == '<') ++depth;
    if ((c == ')' || c == '>') && depth > 0) --depth;
    if (depth == 0 && c == ':' && i > 0 && name[i - 1] == ':') begin = i + 1;
  }
  name = name.substr(begin);
  end = name.find('(');
  if (end != std::string::npos && end > 0) name.resize(end);
  return name;
}

Error error_at(const llvm::DebugLoc& location, std::string message) {
  Error error = user_error(message);
  if (location) {
    Diagnostic diagnostic;
    diagnostic.file = location->getFilename().str();
    diagnostic.line = location.getLine();
    diagnostic.column = location.getCol();
    diagnostic.message = std::move(message);
    error.message = "the kernel can't be compiled";
    error.diagnostics.push_back(std::move(diagnostic));
  }
  return error;
}

/// Rebuilds a constant of `type` from the bytes that a host program would put there.
llvm::Constant* constant_from(llvm::Type* type, const llvm::DataLayout& layout,
                              const std::string& bytes) {
  if (layout.getTypeAllocSize(type) < bytes.size() ||
      !(type->isIntegerTy() || type->isFloatingPointTy())) {
    // A struct (a vector of the library): as its bytes, which have the same layout.
    if (bytes.size() != layout.getTypeAllocSize(type)) return nullptr;
    auto* data = llvm::ConstantDataArray::getString(type->getContext(), bytes, /*AddNull=*/false);
    return data;
  }
  if (bytes.size() != layout.getTypeStoreSize(type)) return nullptr;
  uint64_t value = 0;
  memcpy(&value, bytes.data(), std::min<size_t>(bytes.size(), sizeof value));
  const unsigned bits = type->getPrimitiveSizeInBits();
  llvm::APInt integer(static_cast<unsigned>(bytes.size() * 8), value);
  if (type->isIntegerTy()) return llvm::ConstantInt::get(type, integer.trunc(bits));
  return llvm::ConstantFP::get(type, llvm::APFloat(type->getFltSemantics(), integer));
}

/// Intrinsics that speak of the machine: its stack, its registers, its exceptions.
bool is_machine_intrinsic(llvm::StringRef name) {
  for (const char* prefix :
       {"llvm.x86.", "llvm.eh.", "llvm.coro.", "llvm.thread.pointer", "llvm.returnaddress",
        "llvm.frameaddress", "llvm.addressofreturnaddress", "llvm.read_register",
        "llvm.write_register", "llvm.va_", "llvm.local", "llvm.init.trampoline",
        "llvm.adjust.trampoline", "llvm.stack", "llvm.gc", "llvm.clear_cache"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

/// Declared by stdlib/metal_graphics.
bool is_for_fragments(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "discard_fragment", "dfdx", "dfdy", "fwidth", "get_num_samples", "get_sample_position"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

class Finisher {
 public:
  Finisher(llvm::Module& module, const FinishOptions& options)
      : module_(module), options_(options) {}

  Result<void> finish(uint32_t& threadgroup_bytes) {
    drop_annotations();
    ANYMETAL_RETURN_IF_ERROR(define_constants());
    evaluate_initialisers();
    drop_lists();
    make_internal();
    drop_unreached();
    make_ends_harmless();
    if (options_.restricts_arithmetic) bind_library_functions();
    mend_narrow_casts();
    eliminate_tail_recursion();
    ANYMETAL_RETURN_IF_ERROR(check_calls());
    ANYMETAL_RETURN_IF_ERROR(check_variables());
    threadgroup_bytes = declare_threadgroup_variables();
    store_addresses(module_);
    strip_attributes();
    mark_builtins();
    mark_convergent();
    std::string broken;
    llvm::raw_string_ostream stream(broken);
    if (llvm::verifyModule(module_, &stream)) return internal_error("broken IR: " + stream.str());
    return {};
  }

 private:
  /// Parameters of functions that aren't kernels may have attributes too; they mean nothing there.
  void drop_annotations() {
    std::vector<llvm::CallInst*> calls;
    for (auto& function : module_) {
      if (!function.getName().starts_with("llvm.var.annotation") &&
          !function.getName().starts_with("llvm.ptr.annotation")) {
        continue;
      }
      for (auto* user : function.users()) calls.push_back(llvm::cast<llvm::CallInst>(user));
    }
    for (auto* call : calls) {
      if (!call->getType()->isVoidTy()) call->replaceAllUsesWith(call->getArgOperand(0));
      call->eraseFromParent();
    }
  }

  /// Takes from the library's own functions (the operators of vectors) what the mode lets
  /// arithmetic do, so that they do no more than a pragma of the text allows.
  void bind_library_functions() {
    for (auto& function : module_) {
      if (function.getSubprogram()) continue;  // the text's own; the library's have no place
      for (auto& instruction : llvm::instructions(function)) {
        if (llvm::isa<llvm::FPMathOperator>(instruction)) {
          instruction.copyFastMathFlags(llvm::FastMathFlags());
        }
      }
    }
  }

  /// A function that ends without its value, or traps, must not take the process with it: it
  /// returns zero.
  void make_ends_harmless() {
    std::vector<llvm::Instruction*> traps, ends;
    for (auto& function : module_) {
      function.removeFnAttr(llvm::Attribute::NoReturn);
      for (auto& instruction : llvm::instructions(function)) {
        if (llvm::isa<llvm::UnreachableInst>(instruction)) ends.push_back(&instruction);
        auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
        if (!call) continue;
        call->removeFnAttr(llvm::Attribute::NoReturn);
        switch (call->getIntrinsicID()) {
          case llvm::Intrinsic::trap:
          case llvm::Intrinsic::debugtrap:
          case llvm::Intrinsic::ubsantrap:
            traps.push_back(call);
            break;
          default:
            break;
        }
      }
    }
    for (auto* trap : traps) trap->eraseFromParent();
    for (auto* end : ends) {
      llvm::Type* type = end->getFunction()->getReturnType();
      auto* back = llvm::ReturnInst::Create(
          module_.getContext(), type->isVoidTy() ? nullptr : llvm::Constant::getNullValue(type),
          end->getIterator());
      back->setDebugLoc(end->getDebugLoc());
      end->eraseFromParent();
    }
  }

  /// Clang converts between half and bfloat, which have one size, with an instruction that widens
  /// or narrows; by way of float is what Metal does.
  void mend_narrow_casts() {
    std::vector<llvm::CastInst*> casts;
    for (auto& function : module_) {
      for (auto& instruction : llvm::instructions(function)) {
        auto* cast = llvm::dyn_cast<llvm::CastInst>(&instruction);
        if (!cast || !(llvm::isa<llvm::FPTruncInst>(cast) || llvm::isa<llvm::FPExtInst>(cast)))
          continue;
        if (cast->getSrcTy()->getScalarSizeInBits() == cast->getDestTy()->getScalarSizeInBits())
          casts.push_back(cast);
      }
    }
    for (auto* cast : casts) {
      llvm::IRBuilder<> builder(cast);
      auto* wide = builder.CreateFPExt(cast->getOperand(0),
                                       cast->getSrcTy()->getWithNewType(builder.getFloatTy()));
      cast->replaceAllUsesWith(builder.CreateFPTrunc(wide, cast->getDestTy()));
      cast->eraseFromParent();
    }
  }

  /// Published kernels hold functions whose last act is to call themselves (MLX's elem_to_loc
  /// helpers), and Apple's compiler takes them, as loops. So do we; any other recursion is refused
  /// later.
  void eliminate_tail_recursion() {
    std::vector<llvm::Function*> recursive;
    for (auto& function : module_) {
      for (auto& instruction : llvm::instructions(function)) {
        const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
        if (!call || call->getCalledFunction() != &function) continue;
        recursive.push_back(&function);
        break;
      }
    }
    if (recursive.empty()) return;
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager components;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder builder;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(components);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, components, modules);
    llvm::FunctionPassManager passes;
    passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
    passes.addPass(llvm::SimplifyCFGPass());
    passes.addPass(llvm::TailCallElimPass());
    for (auto* function : recursive) passes.run(*function, functions);
  }

  Result<void> define_constants() {
    for (auto& variable : module_.globals()) {
      if (!variable.isDeclaration() || variable.getAddressSpace() != kConstantSpace) continue;
      const std::string name = variable.getName().str();
      if (const size_t at = name.find("__am_defined_"); at != std::string::npos) {
        define(variable, std::string(1, is_given(name) ? '\1' : '\0'));
        continue;
      }
      const auto given = options_.constants.find(name);
      if (given == options_.constants.end()) {
        if (!options_.constant_names.contains(name))
          continue;  // an `extern` of the user's: check_variables
        // Legal as long as the kernel asks is_function_constant_defined first.
        if (module_.getNamedGlobal(defined_name(name)) != nullptr) {
          variable.setInitializer(llvm::Constant::getNullValue(variable.getValueType()));
        } else {
          undefined_.insert(name);
        }
        continue;
      }
      if (!define(variable, given->second)) {
        return user_error(
            "function constant '" + options_.constant_names.at(name) + "' takes " +
            std::to_string(module_.getDataLayout().getTypeAllocSize(variable.getValueType())) +
            " bytes, not " + std::to_string(given->second.size()));
      }
    }
    return {};
  }

  std::string defined_name(const std::string& name) const {
    const auto found = options_.constant_names.find(name);
    const std::string user = found == options_.constant_names.end() ? name : found->second;
    for (const auto& variable : module_.globals()) {
      if (user_name(variable.getName()) == "__am_defined_" + user) return variable.getName().str();
    }
    return {};
  }

  bool is_given(const std::string& defined) const {
    const std::string user = user_name(defined).substr(strlen("__am_defined_"));
    for (const auto& [ir_name, name] : options_.constant_names) {
      if (name == user && options_.constants.contains(ir_name)) return true;
    }
    return false;
  }

  bool define(llvm::GlobalVariable& variable, const std::string& bytes) {
    auto* value = constant_from(variable.getValueType(), module_.getDataLayout(), bytes);
    if (!value) return false;
    if (value->getType() != variable.getValueType()) {
      auto* other = new llvm::GlobalVariable(module_, value->getType(), true,
                                             llvm::GlobalValue::InternalLinkage, value,
                                             variable.getName() + ".bytes", &variable,
                                             llvm::GlobalValue::NotThreadLocal, kConstantSpace);
      other->setAlignment(variable.getAlign());
      variable.replaceAllUsesWith(other);
      return true;
    }
    variable.setInitializer(value);
    variable.setConstant(true);
    return true;
  }

  /// Constants that depend on function constants have initialisers that Clang leaves to run at
  /// start-up. They run here.
  void evaluate_initialisers() {
    auto* list = module_.getNamedGlobal("llvm.global_ctors");
    if (!list || !list->hasInitializer()) return;
    const auto* entries = llvm::dyn_cast<llvm::ConstantArray>(list->getInitializer());
    if (!entries) return;
    for (const auto& entry : entries->operands()) {
      auto* function =
          llvm::dyn_cast<llvm::Function>(llvm::cast<llvm::ConstantStruct>(entry)->getOperand(1));
      if (!function) continue;
      std::vector<llvm::Function*> parts;
      for (auto& instruction : llvm::instructions(function)) {
        if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction))
          parts.push_back(call->getCalledFunction());
      }
      if (!parts.empty() && !function->getName().starts_with("_GLOBAL__")) parts = {function};
      for (auto* part : parts) {
        if (part) evaluate(*part);
      }
    }
  }

  /// Constructors, which the evaluator doesn't follow, become stores into the variable.
  static void put_in_constructors(llvm::Function& function) {
    constexpr unsigned kMost = 1000;  // an initialiser may call what calls itself
    for (unsigned count = 0; count < kMost; ++count) {
      llvm::CallBase* next = nullptr;
      for (auto& instruction : llvm::instructions(function)) {
        auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
        if (call && call->getCalledFunction() && !call->getCalledFunction()->isDeclaration())
          next = call;
      }
      llvm::InlineFunctionInfo info;
      if (!next || !llvm::InlineFunction(*next, info).isSuccess()) break;
    }
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager cgscc;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder builder;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(cgscc);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, cgscc, modules);
    llvm::FunctionPassManager passes;
    passes.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
    passes.addPass(llvm::InstCombinePass());
    passes.addPass(llvm::InferAddressSpacesPass(0));
    passes.run(function, functions);
  }

  void evaluate(llvm::Function& function) {
    put_in_constructors(function);
    llvm::TargetLibraryInfoImpl implementation;
    llvm::TargetLibraryInfo library(implementation);
    llvm::Evaluator evaluator(module_.getDataLayout(), &library);
    llvm::Constant* result = nullptr;
    if (evaluator.EvaluateFunction(&function, result, llvm::SmallVector<llvm::Constant*>())) {
      for (const auto& [variable, value] : evaluator.getMutatedInitializers()) {
        variable->setInitializer(value);
        variable->setConstant(true);
      }
      return;
    }
    for (auto& instruction : llvm::instructions(function)) {
      const llvm::Value* target = nullptr;
      if (auto* store = llvm::dyn_cast<llvm::StoreInst>(&instruction))
        target = store->getPointerOperand();
      if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction); call && call->arg_size() > 0)
        target = call->getArgOperand(0);
      if (!target) continue;
      if (const auto* variable =
              llvm::dyn_cast<llvm::GlobalVariable>(target->stripPointerCasts())) {
        dynamic_[variable->getName().str()] = instruction.getDebugLoc();
      }
    }
  }

  void drop_lists() {
    for (const char* name : {"llvm.global_ctors", "llvm.global_dtors", "llvm.used",
                             "llvm.compiler.used", "llvm.global.annotations"}) {
      if (auto* list = module_.getNamedGlobal(name)) list->eraseFromParent();
    }
    if (auto* ident = module_.getNamedMetadata("llvm.ident")) ident->eraseFromParent();
  }

  void make_internal() {
    for (auto& object : module_.global_objects()) {
      object.setComdat(nullptr);
      object.setDSOLocal(false);
      if (object.isDeclaration()) continue;
      object.setVisibility(llvm::GlobalValue::DefaultVisibility);
      const bool entry = object.getName() == options_.entry;
      object.setLinkage(entry ? llvm::GlobalValue::ExternalLinkage
                              : llvm::GlobalValue::InternalLinkage);
    }
  }

  void reach(llvm::GlobalObject* object, std::set<llvm::GlobalObject*>& reached) {
    std::vector<llvm::GlobalObject*> work{object};
    std::set<const llvm::Constant*> constants;
    while (!work.empty()) {
      auto* next = work.back();
      work.pop_back();
      if (!reached.insert(next).second) continue;
      std::vector<const llvm::Value*> values;
      if (auto* function = llvm::dyn_cast<llvm::Function>(next)) {
        for (auto& instruction : llvm::instructions(function)) {
          values.insert(values.end(), instruction.value_op_begin(), instruction.value_op_end());
        }
      } else if (auto* variable = llvm::dyn_cast<llvm::GlobalVariable>(next);
                 variable->hasInitializer()) {
        values.push_back(variable->getInitializer());
      }
      while (!values.empty()) {
        const auto* value = values.back();
        values.pop_back();
        if (const auto* global = llvm::dyn_cast<llvm::GlobalObject>(value)) {
          work.push_back(const_cast<llvm::GlobalObject*>(global));
        } else if (const auto* constant = llvm::dyn_cast<llvm::Constant>(value);
                   constant && constants.insert(constant).second) {
          values.insert(values.end(), constant->value_op_begin(), constant->value_op_end());
        }
      }
    }
  }

  void drop_unreached() {
    std::set<llvm::GlobalObject*> reached;
    reach(module_.getFunction(options_.entry), reached);
    std::vector<llvm::GlobalValue*> dead;
    for (auto& alias : module_.aliases()) dead.push_back(&alias);
    for (auto& object : module_.global_objects()) {
      if (!reached.contains(&object)) dead.push_back(&object);
    }
    for (auto* object : dead) {
      if (auto* function = llvm::dyn_cast<llvm::Function>(object)) function->deleteBody();
      if (auto* variable = llvm::dyn_cast<llvm::GlobalVariable>(object))
        variable->setInitializer(nullptr);
    }
    for (auto* object : dead) {
      object->replaceAllUsesWith(llvm::PoisonValue::get(object->getType()));
      object->eraseFromParent();
    }
  }

  Result<void> check_calls() {
    std::set<const llvm::Function*> done, open;
    std::vector<std::pair<llvm::Function*, llvm::inst_iterator>> stack;
    auto* entry = module_.getFunction(options_.entry);
    stack.emplace_back(entry, llvm::inst_begin(entry));
    open.insert(entry);
    while (!stack.empty()) {
      auto& [function, position] = stack.back();
      if (position == llvm::inst_end(function)) {
        done.insert(function);
        open.erase(function);
        stack.pop_back();
        continue;
      }
      llvm::Instruction& instruction = *position++;
      ANYMETAL_RETURN_IF_ERROR(check_operands(instruction));
      auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (!call) continue;
      if (call->isInlineAsm())
        return error_at(call->getDebugLoc(), "inline assembly is not supported in Metal");
      auto* callee = call->getCalledFunction();
      if (!callee)
        return error_at(call->getDebugLoc(),
                        "calls through function pointers are not supported yet");
      if (callee->isDeclaration()) {
        if (callee->isIntrinsic() && !is_machine_intrinsic(callee->getName())) continue;
        if (callee->getName().starts_with("am.")) continue;
        if (callee->isIntrinsic())
          return error_at(call->getDebugLoc(),
                          "this builtin of the compiler is not supported in Metal");
        std::string name = user_name(callee->getName());
        name.resize(std::min(name.size(), name.find('<')));
        if (is_for_fragments(name)) {
          return error_at(call->getDebugLoc(), "'" + name +
                                                   "' is for fragment functions: kernels "
                                                   "have neither pixels nor derivatives");
        }
        return error_at(call->getDebugLoc(), "'" + name + "' is called but has no definition");
      }
      if (open.contains(callee)) {
        return error_at(call->getDebugLoc(), "recursion is not supported in Metal: '" +
                                                 user_name(callee->getName()) + "' calls itself");
      }
      if (done.contains(callee)) continue;
      open.insert(callee);
      stack.emplace_back(callee, llvm::inst_begin(callee));
    }
    return {};
  }

  /// A function's address that is stored or passed would be called through a pointer somewhere.
  Result<void> check_operands(llvm::Instruction& instruction) {
    for (const auto& operand : instruction.operands()) {
      const auto* function = llvm::dyn_cast<llvm::Function>(operand->stripPointerCasts());
      const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (!function || (call && &operand == &call->getCalledOperandUse())) continue;
      return error_at(instruction.getDebugLoc(), "pointers to functions are not supported yet");
    }
    return {};
  }

  Result<void> check_variables() {
    // A constant that follows from an undefined one is reported by the name of that one.
    if (!undefined_.empty() && needs_undefined()) {
      const std::string& name = options_.constant_names.at(*undefined_.begin());
      return user_error("function constant '" + name +
                        "' has no value; give it one when the function is made: `constants={\"" +
                        name + "\": ...}`, or MTL::FunctionConstantValues");
    }
    for (auto& variable : module_.globals()) {
      const std::string name = user_name(variable.getName());
      if (const auto found = dynamic_.find(variable.getName().str()); found != dynamic_.end()) {
        return error_at(found->second, "the value of '" + name + "' is not a constant");
      }
      if (variable.getAddressSpace() == kThreadgroupSpace) continue;
      if (variable.isDeclaration())
        return user_error("variable '" + name + "' is declared but has no definition");
      if (variable.isConstant()) continue;
      if (variable.getAddressSpace() == kConstantSpace) {
        variable.setConstant(true);
        continue;
      }
      return user_error("variable '" + name +
                        "' outlives its function; in Metal such variables must be 'constant'");
    }
    return {};
  }

  bool needs_undefined() const {
    for (const auto& variable : module_.globals()) {
      const std::string name = variable.getName().str();
      if (undefined_.contains(name) || dynamic_.contains(name)) return true;
    }
    return false;
  }

  uint32_t declare_threadgroup_variables() {
    uint32_t bytes = 0;
    std::vector<llvm::GlobalVariable*> variables;
    for (auto& variable : module_.globals()) {
      if (variable.getAddressSpace() == kThreadgroupSpace) variables.push_back(&variable);
    }
    for (auto* variable : variables) {
      auto* declaration =
          new llvm::GlobalVariable(module_, variable->getValueType(), /*isConstant=*/false,
                                   llvm::GlobalValue::ExternalLinkage, nullptr,
                                   "am.threadgroup." + user_name(variable->getName()), nullptr,
                                   llvm::GlobalValue::NotThreadLocal, kThreadgroupSpace);
      declaration->setAlignment(variable->getAlign());
      variable->replaceAllUsesWith(declaration);
      variable->eraseFromParent();
      const uint64_t size = module_.getDataLayout().getTypeAllocSize(declaration->getValueType());
      bytes += static_cast<uint32_t>((size + 15) / 16 * 16);
    }
    return bytes;
  }

  void strip_attributes() {
    for (auto& function : module_) {
      for (const char* name :
           {"target-cpu", "target-features", "tune-cpu", "min-legal-vector-width",
            "stack-protector-buffer-size", "frame-pointer"}) {
        function.removeFnAttr(name);
      }
      // Promises about memory that nobody keeps: a reference to a buffer's element may lie outside
      // the buffer.
      for (auto& argument : function.args()) {
        argument.removeAttr(llvm::Attribute::Dereferenceable);
        argument.removeAttr(llvm::Attribute::DereferenceableOrNull);
        if (!argument.hasStructRetAttr()) argument.removeAttr(llvm::Attribute::NoAlias);
      }
      function.removeRetAttr(llvm::Attribute::Dereferenceable);
      for (auto& instruction : llvm::instructions(function)) {
        auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
        if (!call) continue;
        for (unsigned i = 0; i < call->arg_size(); ++i)
          call->removeParamAttr(i, llvm::Attribute::Dereferenceable);
        call->removeRetAttr(llvm::Attribute::Dereferenceable);
      }
    }
  }

  /// The attributes of the builtin table, on each builtin that is declared.
  void mark_builtins() {
    for (auto& function : module_) {
      if (!function.isDeclaration() || function.isIntrinsic()) continue;
      const llvm::StringRef name = function.getName();
      const auto reference = builtins::find(std::string_view(name.data(), name.size()));
      if (!reference) continue;
      function.setDoesNotThrow();
      function.setWillReturn();
      if (reference->builtin->convergent) function.setConvergent();
      switch (reference->builtin->memory) {
        case builtins::Memory::none:
          function.setDoesNotAccessMemory();
          break;
        case builtins::Memory::argument:
          function.setOnlyAccessesArgMemory();
          break;
        case builtins::Memory::texture:
          function.setOnlyAccessesInaccessibleMemory();
          break;
        case builtins::Memory::fence:
          break;
      }
    }
  }

  /// A function is convergent if it calls one that is. There is no recursion, so depth first finds
  /// them all.
  bool is_convergent(llvm::Function& function, std::map<llvm::Function*, bool>& known) {
    if (function.isDeclaration()) return function.isConvergent();
    if (const auto found = known.find(&function); found != known.end()) return found->second;
    bool convergent = false;
    for (auto& instruction : llvm::instructions(function)) {
      auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
      if (!call || !call->getCalledFunction()) continue;
      if (is_convergent(*call->getCalledFunction(), known)) {
        call->setConvergent();
        convergent = true;
      } else {
        call->setNotConvergent();
      }
    }
    if (convergent) {
      function.setConvergent();
    } else {
      function.setNotConvergent();
    }
    return known[&function] = convergent;
  }

  void mark_convergent() {
    std::map<llvm::Function*, bool> known;
    for (auto& function : module_) is_convergent(function, known);
  }

  llvm::Module& module_;
  const FinishOptions& options_;
  std::set<std::string> undefined_;
  std::map<std::string, llvm::DebugLoc> dynamic_;
};

}  // namespace

Result<void> finish_module(llvm::Module& module, const FinishOptions& options,
                           uint32_t& threadgroup_bytes) {
  return Finisher(module, options).finish(threadgroup_bytes);
}

}  // namespace anymetal::language
