// Where this library keeps things between its runs: compiled kernels, tuned sizes, findings. One
// rule for all who keep something there. A header alone, since the kernel library is built on a Mac
// without the rest.
#pragma once

#include <string>

namespace anymetal {

/// `$ANYMETAL_CACHE_DIR`, else `anymetal` in `$XDG_CACHE_HOME` (which is ignored if it is relative,
/// as the XDG rule has it), else in `~/.cache`. Empty: nowhere. `text_of` gives the text of a
/// variable, or nothing.
template <typename Lookup>
std::string cache_folder(const Lookup& text_of) {
  std::string own = text_of("ANYMETAL_CACHE_DIR");
  if (!own.empty()) return own;
  const std::string xdg = text_of("XDG_CACHE_HOME");
  if (!xdg.empty() && xdg.front() == '/') return xdg + "/anymetal";
  const std::string home = text_of("HOME");
  return home.empty() ? "" : home + "/.cache/anymetal";
}

}  // namespace anymetal
