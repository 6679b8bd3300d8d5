// Messages that kernels write (os_log, printf): the record that compiled code hands over, and its
// text. Every executor shares this, so that the same message reads the same everywhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace anymetal::backend {

/// What kind of value an argument is.
enum class MessageKind : uint32_t { signed_integer, unsigned_integer, floating, pointer };

/// One argument as `__am_message_argument` of the embedded standard library (metal_logging) lays it
/// out: one value or the components of a vector. Integers are extended to 64 bits, floats are the
/// bits of a float.
struct MessageArgument {
  uint32_t kind = 0;   ///< a MessageKind
  uint32_t count = 1;  ///< 1 to 4
  uint32_t bytes = 4;  ///< of one component, as it was
  uint32_t padding = 0;
  uint64_t values[4] = {};
};
static_assert(sizeof(MessageArgument) == 48);

/// The text of a message: C's conversions without `*` and `%n`, and Metal's for vectors, `%v4f`. A
/// value of another kind than its conversion asks for is converted; what has no argument stays as
/// it is written.
[[nodiscard]] std::string format_message(std::string_view format,
                                         std::span<const MessageArgument> arguments);

}  // namespace anymetal::backend
