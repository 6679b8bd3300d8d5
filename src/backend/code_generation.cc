#include "backend/code_generation.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/OptBisect.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Object/ObjectFile.h>
#include <llvm/Support/LEB128.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "backend/debug_places.h"
#include "support/stop_flag.h"

namespace anymetal::backend {
namespace {

/// What code is made for.
struct Processor {
  std::string name;
  std::string features;  ///< as LLVM writes them
  unsigned vector_bytes = 16;
};

/// Their conversions from float to bfloat make denormals zero; without them LLVM calls a function.
/// What asks for denormals itself may have the first (allow_bfloat_conversion).
constexpr const char* kNotUsed = "-avx512bf16,-avxneconvert";

/// Else LLVM makes a branch of each lane of a gather for most processors with AVX2: 4,000 blocks of
/// a product of bytes, which took nine seconds to compile.
constexpr const char* kGathers = "+fast-gather";

Processor host_processor() {
  Processor host{.name = llvm::sys::getHostCPUName().str()};
  const auto features = llvm::sys::getHostCPUFeatures();
  std::vector<std::string> sorted;
  for (const auto& feature : features) {
    sorted.push_back(std::string(feature.second ? "+" : "-") + feature.first().str());
  }
  std::sort(sorted.begin(), sorted.end());  // for the description
  for (const std::string& feature : sorted) host.features += feature + ",";
  host.features += kNotUsed;
  const bool wide = features.lookup("avx512f") && features.lookup("avx512vl") &&
                    features.lookup("avx512bw") && features.lookup("avx512dq");
  host.vector_bytes = wide ? 64 : features.lookup("avx2") ? 32 : 16;
  if (host.vector_bytes == 32) host.features += std::string(",") + kGathers;
  return host;
}

/// The host, or what ANYMETAL_CPU makes of it. Never more than the host is.
const Processor& processor() {
  static const auto* chosen = [] {
    Processor host = host_processor();
    const char* value = std::getenv("ANYMETAL_CPU");
    const std::string_view wanted = value ? value : "";
    // Names of the levels that x86-64's ABI defines.
    if (wanted == "avx2" && host.vector_bytes >= 32)
      return new Processor{"x86-64-v3", kGathers, 32};
    if (wanted == "sse4.2") return new Processor{"x86-64-v2", "", 16};
    return new Processor(std::move(host));
  }();
  return *chosen;
}

std::unique_ptr<llvm::TargetMachine> create_machine() {
  static const bool initialized = [] {
    return !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  }();
  if (!initialized) return nullptr;
  const std::string triple = llvm::sys::getProcessTriple();
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) return nullptr;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  options.EmitStackSizeSection = true;
  // Falling off the end of a function must not run into whatever follows it.
  options.TrapUnreachable = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, processor().name, processor().features, options, llvm::Reloc::PIC_,
      llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less, /*JIT=*/true));
}

/// Making a TargetMachine takes a millisecond, and one serves one thread at a time: those at rest
/// are kept.
class MachinePool {
 public:
  std::unique_ptr<llvm::TargetMachine> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!machines_.empty()) {
        auto machine = std::move(machines_.back());
        machines_.pop_back();
        return machine;
      }
    }
    return create_machine();
  }
  void put_back(std::unique_ptr<llvm::TargetMachine> machine) {
    const std::lock_guard lock(mutex_);
    machines_.push_back(std::move(machine));
  }
  static MachinePool& shared() {
    static auto* pool =
        new MachinePool;  // never destroyed: other threads may still compile while the process ends
    return *pool;
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<llvm::TargetMachine>> machines_;
};

Error no_target() {
  return internal_error("LLVM has no code generator for this machine");
}

/// Each record of .stack_sizes is an address and a length in ULEB128.
uint32_t read_stack_sizes(llvm::StringRef bytes) {
  auto object = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(bytes, "kernel"));
  if (!object) {
    llvm::consumeError(object.takeError());
    return 0;
  }
  uint64_t total = 0;
  for (const auto& section : (*object)->sections()) {
    auto name = section.getName();
    if (!name) {
      llvm::consumeError(name.takeError());
      continue;
    }
    if (*name != ".stack_sizes") continue;
    auto contents = section.getContents();
    if (!contents) {
      llvm::consumeError(contents.takeError());
      continue;
    }
    const auto* at = contents->bytes_begin();
    const auto* end = contents->bytes_end();
    while (at + 8 < end) {
      at += 8;
      unsigned length = 0;
      total += llvm::decodeULEB128(at, &length, end);
      at += length;
    }
  }
  return total > UINT32_MAX ? UINT32_MAX : uint32_t(total);
}

// More instructions than that are coded without any optimisation: LLVM's coalescing of registers
// takes quadratic time (12,000 checked accesses, half a million instructions: 37 s of 52 s).
constexpr unsigned kManyInstructions = 10'000;

// The code of a threadgroup may be large: MLX's GEMM of complex numbers is 83,000 instructions of
// vectors, which took 16 s. From the first number on it isn't scheduled (a third of that), from the
// second on registers are allocated with less care. Without any care its variables would take
// three quarters of a megabyte of stack.
constexpr unsigned kLarge = 5'000, kVeryLarge = 20'000;

// The scheduler asks of each pair of accesses in a block whether one must wait for the other: a
// block of 1,900 took 20 s.
constexpr uint64_t kManyAccesses = 800;

/// Accesses of memory in the block that has most, in registers.
uint64_t count_accesses(const llvm::Module& module) {
  const uint64_t register_bits = uint64_t{8} * vector_register_bytes();
  uint64_t most = 0;
  for (const llvm::Function& function : module) {
    for (const llvm::BasicBlock& block : function) {
      uint64_t count = 0;
      for (const llvm::Instruction& instruction : block) {
        if (!instruction.mayReadOrWriteMemory()) continue;
        const bool writes = instruction.getType()->isVoidTy() && instruction.getNumOperands() > 1;
        const llvm::Type* type =
            writes ? instruction.getOperand(0)->getType() : instruction.getType();
        const auto* lanes = llvm::dyn_cast<llvm::FixedVectorType>(type);
        // An address for each lane, if there are addresses.
        const uint64_t bits = lanes ? lanes->getNumElements() * uint64_t{64}
                                    : type->getPrimitiveSizeInBits().getFixedValue();
        count += std::max<uint64_t>(1, bits / register_bits);
      }
      most = std::max(most, count);
    }
  }
  return most;
}

/// LLVM asks it before each pass that may be left out.
class Gate final : public llvm::OptPassGate {
 public:
  Gate(llvm::Module& module, Effort effort)
      : context_(module.getContext()),
        effort_(effort),
        instructions_(module.getInstructionCount()),
        accesses_(effort == Effort::full ? count_accesses(module) : 0) {
    context_.setOptPassGate(*this);
  }
  ~Gate() override { context_.setOptPassGate(llvm::getGlobalPassGate()); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  bool isEnabled() const override { return true; }
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef /*where*/) override {
    if (stop_requested()) return false;
    if (pass == "Post RA top-down list latency scheduler" && instructions_ > kLarge) return false;
    if (pass == "Machine Instruction Scheduler" &&
        (instructions_ > kLarge || accesses_ > kManyAccesses))
      return false;
    if (effort_ == Effort::full) return true;
    // Compares each access with all before it in its block, and no reference needs it.
    if (pass == "Machine Instruction Scheduler") return false;
    // These two start over with each change that they make. Checks of accesses are many blocks and
    // much to change: of 800 accesses' 7 s they took 6.3 s.
    if (pass == "CodeGen Prepare" || pass == "X86 Domain Reassignment Pass") return false;
    // Each looks at all blocks again and again, and checks are many blocks: of 142 ms for MLX's
    // steel gemm these four took 40. What they gain is nothing beside the checks, as long as those
    // that fail stand at the end already (put-failures-last).
    static constexpr llvm::StringLiteral kSlow[] = {
        "Control Flow Optimizer", "Loop Strength Reduction",
        "Canonicalize Freeze Instructions in Loops", "Branch Probability Basic Block Placement"};
    return std::find(std::begin(kSlow), std::end(kSlow), pass) == std::end(kSlow);
  }

 private:
  llvm::LLVMContext& context_;
  const Effort effort_;
  const unsigned instructions_;
  const uint64_t accesses_;
};

llvm::CodeGenOptLevel level(unsigned instructions, Effort effort) {
  if (effort == Effort::full) {
    return instructions > kVeryLarge ? llvm::CodeGenOptLevel::Less : llvm::CodeGenOptLevel::Default;
  }
  return instructions > kManyInstructions ? llvm::CodeGenOptLevel::None
                                          : llvm::CodeGenOptLevel::Less;
}

Result<std::string> emit(llvm::Module& module, llvm::CodeGenFileType type, Effort effort) {
  BorrowedMachine machine;
  if (!machine) return no_target();
  const unsigned instructions = module.getInstructionCount();
  const Gate gate(module, effort);
  machine->setOptLevel(level(instructions, effort));
  // Says which accesses of the stack are spills, and which blocks are loops.
  machine->Options.MCOptions.AsmVerbose = module.getNamedMetadata(kKeepPlaces) != nullptr;
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true))
    return no_target();
  passes.run(module);
  if (stop_requested()) return compilation_stopped();
  return std::string(bytes);
}

}  // namespace

BorrowedMachine::BorrowedMachine() : machine_(MachinePool::shared().take()) {}

BorrowedMachine::~BorrowedMachine() {
  if (machine_) MachinePool::shared().put_back(std::move(machine_));
}

Result<void> set_host_target(llvm::Module& module) {
  BorrowedMachine machine;
  if (!machine) return no_target();
  module.setTargetTriple(machine->getTargetTriple().str());
  module.setDataLayout(machine->createDataLayout());
  return {};
}

Result<ObjectCode> generate_code(llvm::Module& module, Effort effort) {
  ANYMETAL_ASSIGN_OR_RETURN(std::string bytes,
                            emit(module, llvm::CodeGenFileType::ObjectFile, effort));
  ObjectCode code{std::move(bytes), 0};
  code.stack_bytes = read_stack_sizes(code.bytes);
  return code;
}

Result<std::string> generate_assembly(llvm::Module& module, Effort effort) {
  return emit(module, llvm::CodeGenFileType::AssemblyFile, effort);
}

unsigned vector_register_bytes() {
  return processor().vector_bytes;
}

bool has_half_arithmetic() {
  const std::string& features = processor().features;
  return features.find("+avx512fp16") != std::string::npos ||
         features.find("+fullfp16") != std::string::npos;
}

bool has_bfloat_conversion() {
  return processor().features.find("+avx512bf16") != std::string::npos;
}

void allow_bfloat_conversion(llvm::Function& function) {
  function.addFnAttr("target-features", processor().features + ",+avx512bf16");
}

std::string host_description() {
  // Two machines of one name can differ: a hypervisor may hide features.
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char letter : processor().features) hash = (hash ^ uint8_t(letter)) * 0x100000001b3u;
  return "LLVM " LLVM_VERSION_STRING " " + processor().name + " " + std::to_string(hash);
}

}  // namespace anymetal::backend
