// What `anymetal tune` has found: kept in the folder of the cache, under what it holds for.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/runtime.h"

namespace anymetal::runtime {

/// Names a launch for tuning: the device with its executor, the kernel's text, options and
/// constants, and all sizes, also the threadgroup that is asked for. Not the release: times may
/// change with it, and what is right doesn't.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string tuning_key(const Device& device,
                                                          const Function& function,
                                                          const Launch& launch);

/// `name` is what `anymetal cache list` shows; `text` is the caller's own. Without a usable folder
/// nothing is remembered.
ANYMETAL_PRIVATE_API void remember_tuning(const Settings& settings, const std::string& key,
                                          const std::string& name, const std::string& text);
[[nodiscard]] ANYMETAL_PRIVATE_API std::optional<std::string> remembered_tuning(
    const Settings& settings, const std::string& key);

/// A threadgroup as the text of such an entry: "16 16 1".
[[nodiscard]] ANYMETAL_PRIVATE_API std::string tuned_text(Extent threadgroup);
[[nodiscard]] std::optional<Extent> parse_tuned(const std::string& text);

/// The threadgroups that one pipeline's launches take instead of those that are asked for
/// (ANYMETAL_TUNED=1). Looked up once for each kind of launch.
class TunedSizes {
 public:
  /// ANYMETAL_TUNED=1, as it was at the first call.
  [[nodiscard]] static bool are_wanted();

  [[nodiscard]] Extent size_for(const Device& device, const Function& function,
                                const Launch& launch);

 private:
  std::mutex mutex_;
  std::map<std::vector<uint64_t>, Extent> known_;
};

}  // namespace anymetal::runtime
