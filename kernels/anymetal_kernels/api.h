// What leaves the library, and where it can run.
#pragma once

#define ANYMETAL_KERNELS_API __attribute__((visibility("default")))

#include <stdexcept>

namespace anymetal::kernels {

/// MLX has no Metal back end in this process, and anymetal doesn't supply one. Thrown by each
/// function of this library, when it makes its first kernel call; the text says what to do.
class ANYMETAL_KERNELS_API NoBackEnd : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace anymetal::kernels
