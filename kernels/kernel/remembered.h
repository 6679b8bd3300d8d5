// What tuners have found, kept from process to process: a file of lines `KEY: VALUE` for each
// device, in the folder of anymetal's cache. What can't be read or written is as if nothing were
// known: tuning is no correctness. What was found for other code counts for nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace anymetal::kernels {

/// What was found on this device, by this processor's settings.
std::optional<std::string> recall(std::string_view key);
void remember(std::string_view key, std::string_view value);

}  // namespace anymetal::kernels
