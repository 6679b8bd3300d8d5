// Where what steps keep from region to region lies in memory.
#pragma once

#include <llvm/IR/Function.h>

#include <cstdint>

namespace anymetal::simt {

/// Marks the arrays of split_regions.cc, which have an element for each step.
inline constexpr const char* kSlot = "simt.slot";

/// Makes one array of records of the slots; returns how many slots lie in records.
unsigned join_slots(llvm::Function& function);

/// Moves large variables out of the stack into ThreadgroupFrame::scratch; returns its bytes. Their
/// places are calls, which say that each is memory of its own, until lower_scratch (simt.h).
[[nodiscard]] uint64_t move_to_scratch(llvm::Function& function);

}  // namespace anymetal::simt
