// The embedded standard library: the files of stdlib/ and the declarations of the builtin table, as
// text and, for each math mode, precompiled.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "ir/thread_ir.h"
#include "support/result.h"

namespace anymetal::language {

struct Precompiled;

/// Where the text of the library lies in Clang's view of files, and where empty files of the same
/// names lie, which a program's `#include <metal_stdlib>` finds when the library is precompiled.
inline constexpr const char* kLibraryText = "/anymetal/library";
inline constexpr const char* kIncludedLibrary = "/anymetal/include";

struct LibraryFile {
  std::string_view name;  ///< "metal_stdlib", "simd/simd.h"
  std::string_view text;
};

[[nodiscard]] std::span<const LibraryFile> standard_library();

/// What the build made of the library for this math mode (write_precompiled.cc): the version of the
/// Clang that wrote it, a null byte, and the precompiled header. Empty in the program that writes
/// it.
[[nodiscard]] std::string_view embedded_precompiled(MathMode mode);

/// Compiles the library; takes most of a second.
[[nodiscard]] Result<std::shared_ptr<Precompiled>> compile_library(MathMode mode);

/// The whole library, precompiled; made once for each math mode, then kept.
[[nodiscard]] Result<std::shared_ptr<const Precompiled>> precompiled_library(MathMode mode);

}  // namespace anymetal::language
