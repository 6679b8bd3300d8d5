// QR by modified Gram-Schmidt with reorthogonalisation.
#pragma once

#include <utility>

#include "kernel/kernel.h"

namespace anymetal::kernels {

/// Q and R of one matrix [m, n], m >= n >= 1.
std::pair<mx::array, mx::array> gram_schmidt(const mx::array& a, const mx::StreamOrDevice& stream);

}  // namespace anymetal::kernels
