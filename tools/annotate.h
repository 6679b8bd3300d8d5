// Machine code beside the user's lines, as `anymetal compile --emit=asm --annotate` shows it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace anymetal::tools {

/// The text of a line of the user's; nullopt: nobody has it.
using SourceLine = std::function<std::optional<std::string>(std::string_view file, uint32_t line)>;

/// `assembly` as runtime::assembly_with_places gives it. What comes out: the instructions in their
/// order, below the line that each belongs to, marked where they are spills, gathers and the like;
/// then a count for each line, those in the innermost loops first.
[[nodiscard]] std::string annotate(std::string_view assembly, const SourceLine& source);

}  // namespace anymetal::tools
