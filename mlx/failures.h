// What a kernel's failure leaves behind: outputs that were never computed. MLX counts an array as
// computed once its turn has come, and an error of a stream goes to whoever waits first, whether it
// is theirs or not. So failures follow the data here: before MLX evaluates a graph, each of its
// arrays that comes from a launch is remembered with that launch, directly or not; whoever reads
// one of them is told, each time, in the kernel's words, and nobody else is.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mlx/got.h"
#include "mlx/libmlx.h"

namespace anymetal::mlx {

/// Why an array may be wrong: a launch, or several that it is computed from.
struct Risk;

/// The launch that computes these outputs; called before it is put into a stream's queue.
[[nodiscard]] std::shared_ptr<Risk> begin_launch(const std::vector<mx::array>& inputs,
                                                 const std::vector<mx::array>& outputs);
/// What went wrong with a launch that this one reads the outputs of.
[[nodiscard]] std::optional<std::string> earlier_failure(const std::shared_ptr<Risk>& launch);
/// It has run, or failed; `is_own`: not by what it reads.
void end_launch(const std::shared_ptr<Risk>& launch);
void end_launch(const std::shared_ptr<Risk>& launch, mx::Stream stream, const std::string& message,
                bool is_own);

/// A node of ours in a graph. While there is none, and no array that comes from one, evaluations
/// aren't looked at.
class LaunchNode {
 public:
  LaunchNode();
  ~LaunchNode();
  LaunchNode(const LaunchNode&) = delete;
  LaunchNode& operator=(const LaunchNode&) = delete;
};
/// From now on nodes of MLX's own CustomKernel launch too.
void expect_custom_kernels();

/// Throws what has failed on this stream, if nobody was told so far.
void tell_failure(mx::Stream stream);

/// Calls of others that wait for arrays: array::eval, eval, async_eval, synchronize.
[[nodiscard]] std::span<const Redirection> waiting_calls();
/// Those of them that libmlx.so makes too: it evaluates what it prints and what it writes to files.
[[nodiscard]] std::span<const Redirection> own_waiting_calls();

}  // namespace anymetal::mlx
