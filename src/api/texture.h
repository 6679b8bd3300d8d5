// What stands behind anymetal::Texture.
#pragma once

#include <memory>

#include "anymetal/texture.hpp"
#include "runtime/texture.h"

namespace anymetal {

class Texture::State {
 public:
  TextureOptions options;
  std::shared_ptr<runtime::Texture> texture;
};

}  // namespace anymetal
