// The slots through which one loaded library calls another. A dynamic linker writes an address into
// each; writing another one there later sends the calls elsewhere, whatever was loaded first.
#pragma once

#include <span>
#include <string_view>

namespace anymetal::mlx {

/// One function that is to be called in place of another.
struct Redirection {
  std::string_view symbol;  ///< mangled
  void* to = nullptr;
};

/// Which libraries' slots are rewritten, by the address of anything inside a library.
enum class Scope {
  only_there,       ///< the slots of the library that holds the address
  everywhere_else,  ///< those of all others, but for ours
};

/// Returns how many slots were rewritten. Twice is once.
int redirect_calls(std::span<const Redirection> redirections, const void* library, Scope scope);

}  // namespace anymetal::mlx
