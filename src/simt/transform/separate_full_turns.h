// Turns of a loop in which all lanes take part get a loop of their own, which needs no masks.
#pragma once

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Function.h>

#include "simt/analysis/geometry.h"

namespace anymetal::simt {

class ControlFlow;
class ShapeAnalysis;

/// Whether the loop's lanes part at its end alone, and there by an index that neighbours count on
/// from, so that all but the last turns have all lanes.
[[nodiscard]] bool parts_at_its_end(const llvm::Loop& loop, const ControlFlow& flow,
                                    const ShapeAnalysis& shapes);

/// Such loops get a copy in front. Loops are simplified and closed, before and after.
/// Returns whether there were any.
bool separate_full_turns(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
