// A pass as people call it on the command line.
#pragma once

#include <string_view>

namespace anymetal {

struct PassName {
  std::string_view name;
  std::string_view what;
};

}  // namespace anymetal
