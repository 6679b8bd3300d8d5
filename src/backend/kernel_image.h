// What a compiled kernel consists of: machine code, and the side tables that its runtime functions
// need to speak about the user's text. The passes fill the tables in; serialized, this is what the
// disk cache keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "ir/kernel_interface.h"
#include "support/result.h"

namespace anymetal::backend {

/// A place in the user's text.
struct Place {
  uint32_t file = 0;  ///< index into KernelImage::files
  uint32_t line = 0;
};

/// One checked access in the code.
struct AccessSite {
  Place place;
  uint32_t bytes = 0;  ///< 0: known at run time only
  bool write = false;
  bool atomic = false;
};

enum class ObjectKind : uint8_t { unknown, buffer, threadgroup, thread, constant };

/// Something that pointers point into.
struct ObjectInfo {
  ObjectKind kind = ObjectKind::unknown;
  std::string name;
  std::string type;  ///< of an element, as Metal spells it; may be empty
  uint32_t element_bytes = 1;
  bool is_const = false;
};

/// One call of a barrier, simdgroup or quadgroup builtin.
struct MeetingSite {
  uint16_t operation = 0;   ///< an Operation (reference/meetings.h)
  uint16_t type = 0;        ///< a builtins::Type, or 0
  uint32_t key_length = 0;  ///< in words
  Place place;
};

/// One call that writes a message.
struct MessageSite {
  std::string format, subsystem, category;
};

struct KernelImage {
  std::string kernel;
  uint32_t argument_count = 0;
  Bounds bounds = Bounds::error;
  std::vector<std::string> files;
  std::vector<AccessSite> accesses;
  std::vector<ObjectInfo> objects;  ///< first the arguments, in their order
  std::vector<MeetingSite> meetings;
  std::vector<MessageSite> messages;
  bool has_loops = false;
  uint32_t key_length = 0;         ///< the longest
  uint32_t stack_bytes = 0;        ///< that one thread's code takes
  uint32_t threadgroup_bytes = 0;  ///< of static threadgroup variables
  std::string object;              ///< an object file for the host, with the function am_thread

  [[nodiscard]] std::string place_text(Place place) const;
};

[[nodiscard]] std::string serialize(const KernelImage& image);

/// An error for anything that `serialize` of this version can't have made: truncated, altered,
/// foreign bytes.
[[nodiscard]] Result<KernelImage> parse_image(std::string_view bytes);

}  // namespace anymetal::backend
