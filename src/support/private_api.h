// What leaves libanymetal.so for our own binaries: the adapter to MLX, the command, the Python
// module. Everything else in the rooms is hidden. A declaration marked so is found in the library
// under the version ANYMETAL_PRIVATE_x.y.z (src/core/exports.map.in), so that a binary of another
// release is refused when it is loaded, and nobody takes it for the public API.
#pragma once

#define ANYMETAL_PRIVATE_API __attribute__((visibility("default")))
