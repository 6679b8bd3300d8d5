// Sizes, places and boxes, as metal-cpp has them.
#pragma once

#include <Foundation/Foundation.hpp>
#include <cstdint>

namespace MTL {

using NS::Integer;
using NS::UInteger;

struct Size {
  UInteger width, height, depth;
  Size() = default;
  Size(UInteger w, UInteger h, UInteger d) : width(w), height(h), depth(d) {}
  static Size Make(UInteger w, UInteger h, UInteger d) { return {w, h, d}; }
};

struct Origin {
  UInteger x, y, z;
  Origin() = default;
  Origin(UInteger at_x, UInteger at_y, UInteger at_z) : x(at_x), y(at_y), z(at_z) {}
  static Origin Make(UInteger x, UInteger y, UInteger z) { return {x, y, z}; }
};

struct Region {
  Origin origin;
  Size size;
  Region() = default;
  Region(UInteger x, UInteger width) : origin(x, 0, 0), size(width, 1, 1) {}
  Region(UInteger x, UInteger y, UInteger width, UInteger height)
      : origin(x, y, 0), size(width, height, 1) {}
  Region(UInteger x, UInteger y, UInteger z, UInteger width, UInteger height, UInteger depth)
      : origin(x, y, z), size(width, height, depth) {}
  static Region Make1D(UInteger x, UInteger width) { return {x, width}; }
  static Region Make2D(UInteger x, UInteger y, UInteger width, UInteger height) {
    return {x, y, width, height};
  }
  static Region Make3D(UInteger x, UInteger y, UInteger z, UInteger width, UInteger height,
                       UInteger depth) {
    return {x, y, z, width, height, depth};
  }
};

/// What stands for a texture or a sampler in an argument buffer.
struct ResourceID {
  std::uint64_t _impl;
};

}  // namespace MTL
