// An interrupt (Ctrl-C) that stopped a kernel reaches Python as KeyboardInterrupt.
#pragma once

namespace anymetal::mlx {

/// `inside_core`: an address inside mlx.core's library.
void raise_interrupts(const void* inside_core);

}  // namespace anymetal::mlx
