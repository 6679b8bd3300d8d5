#include "backend/cpu/reached_memory.h"

#include <utility>

#include "backend/memory_range.h"
#include "simt/analysis/guards.h"

namespace anymetal::backend::cpu {
namespace {

/// Compiled code knows of none: a thread of the operating system runs one dispatch at a time.
thread_local const Dispatch* current = nullptr;

/// The arguments are searched as well, since host code may put a buffer that is bound into another.
MemoryRange find_memory(uint64_t address) {
  if (!current) return {};
  return memory_around(address, [](auto look) {
    for (const auto all : {current->resident, current->arguments}) {
      for (const Argument& memory : all)
        if (memory.data) look({reinterpret_cast<uint64_t>(memory.data), memory.size});
    }
  });
}

uint64_t memory_base(uint64_t address) {
  return find_memory(address).base;
}

uint64_t memory_bytes(uint64_t address) {
  return find_memory(address).size;
}

}  // namespace

ReachedMemory::ReachedMemory(const Dispatch& dispatch)
    : outer_(std::exchange(current, &dispatch)) {}

ReachedMemory::~ReachedMemory() {
  current = outer_;
}

void add_memory_functions(RuntimeSymbols& symbols) {
  symbols.emplace_back(simt::kMemoryBase, reinterpret_cast<void*>(&memory_base));
  symbols.emplace_back(simt::kMemoryBytes, reinterpret_cast<void*>(&memory_bytes));
}

}  // namespace anymetal::backend::cpu
