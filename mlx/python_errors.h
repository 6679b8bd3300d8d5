// An interrupt (Ctrl-C) that stopped a kernel reaches Python as KeyboardInterrupt.
#pragma once

namespace anymetal::mlx {

/// `inside_core`: an address inside mlx.core's library.
void raise_interrupts(const void* inside_core);

/// `slot` holds the function with which mlx.core gives NumPy an array's memory. It evaluates the
/// array, and up to 0.32.3 lets an exception of C++ run into Python's C code, which ends the
/// process: from now on it becomes a Python exception.
void guard_buffers(void** slot);

}  // namespace anymetal::mlx
