// How the command speaks: colours on a terminal only (never with NO_COLOR), aligned tables, sizes
// and ages for people.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace anymetal::tools {

enum class Colour : uint8_t { bold, red, green, dim };

/// `text`, coloured if `stream` (1 or 2) is a terminal and NO_COLOR is unset or empty.
[[nodiscard]] std::string coloured(Colour colour, std::string_view text, int stream);

/// Rows of equal length as lines, columns two blanks apart; those named in `right` are flush right.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows,
                                const std::vector<size_t>& right = {});

/// "17 B", "1.2 MiB"
[[nodiscard]] std::string readable_size(uint64_t bytes);
/// "12 s", "5 min", "3 h", "8 days"
[[nodiscard]] std::string readable_age(std::chrono::seconds age);

}  // namespace anymetal::tools
