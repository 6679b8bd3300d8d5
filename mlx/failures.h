// What a kernel's failure leaves behind: outputs that were never computed. MLX reports an error of
// a stream once, to whoever waits first, and then counts the arrays as computed; NumPy catches that
// one error and asks again in another way. So the arrays are remembered here, and each reading of
// them fails with the kernel's words.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "mlx/got.h"
#include "mlx/libmlx.h"

namespace anymetal::mlx {

/// Called on the stream's thread for each output of a launch that failed.
void mark_failed(const std::shared_ptr<mx::array::Data>& data, const std::string& message);

/// A launch that is in a stream's queue or running: while there is one, streams may fail.
class Unfinished {
 public:
  Unfinished();
  ~Unfinished();
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
};

/// Puts work into a stream's queue, where it runs in order.
void enqueue(mx::Stream stream, std::function<void()> work);

/// For MLX before 0.32.2, whose streams can't carry an error: keeps it until the next evaluation or
/// synchronisation.
void keep_error(const std::string& message);

/// libmlx.so's own calls that put something into a stream's queue; none where streams can't carry
/// an error.
[[nodiscard]] std::span<const Redirection> asking_calls();

/// Calls of others that wait for arrays: eval, async_eval, array::eval, synchronize.
/// The first, array::eval, is for libmlx.so's own calls too: printing evaluates there.
[[nodiscard]] std::span<const Redirection> waiting_calls();

}  // namespace anymetal::mlx
