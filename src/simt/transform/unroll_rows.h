// Loops in which each thread goes along a row of its own are counted out by as many turns as a
// register has lanes, so that a thread's elements become one piece of memory (join_neighbours.h).
#pragma once

#include <llvm/ADT/SmallVector.h>

#include "simt/analysis/control_flow.h"
#include "simt/analysis/geometry.h"
#include "simt/analysis/shape_analysis.h"

namespace anymetal::simt {

struct RowLoop {
  const llvm::Loop* loop;
  unsigned turns;  ///< to be counted out
};

/// The loops of which that is to be had, of a function whose loops are simplified and closed.
/// `with_checks`: also those that read something else behind checks, which hoist_checks may take
/// away.
[[nodiscard]] llvm::SmallVector<RowLoop, 2> find_row_loops(const ControlFlow& flow,
                                                           const ShapeAnalysis& shapes,
                                                           const Geometry& geometry,
                                                           bool with_checks);

/// Counts them out. Whether anything was changed: loops must be simplified and closed again.
bool unroll_rows(llvm::Function& function, const Geometry& geometry);

}  // namespace anymetal::simt
