// What both forms of the mLSTM ask of their arguments, and how they lay them out.
#pragma once

#include <optional>
#include <vector>

#include "anymetal_kernels/mlstm.h"
#include "kernel/arguments.h"

namespace anymetal::kernels {

/// The sizes of a call: heads of all sequences, steps (1 for a step), widths of q and k, and of v.
struct MlstmSizes {
  mx::Shape leading;  ///< without steps and widths
  int heads, steps, columns, rows;
};

/// Checks all arguments. `has_steps`: there is an axis of steps.
MlstmSizes check_mlstm(std::string_view function, const MlstmInputs& inputs,
                       const std::optional<MlstmState>& state, bool has_steps);

/// q, k, v, o, log_i, log_f, c, n, m: the order of arrays in calls and VJPs. Gates and state in
/// float32.
std::vector<mx::array> arrays_of(const MlstmInputs& inputs, const std::optional<MlstmState>& state,
                                 const MlstmSizes& sizes, const mx::StreamOrDevice& stream);

/// x, or 0 where x is -inf: what may be subtracted from infinities.
mx::array finite_or_zero(const mx::array& x, const mx::StreamOrDevice& stream);

}  // namespace anymetal::kernels
