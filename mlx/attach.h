// The functions that the Python package calls (with ctypes).
#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(default)
extern "C" {
/// Leads MLX's calls to this library; twice is once. Null: done. Otherwise why not.
const char* anymetal_mlx_attach();
/// What only Python needs: Ctrl-C stops a kernel and raises KeyboardInterrupt, and no exception of
/// C++ runs into Python's own code. `inside_core`: an address in mlx.core's library; `buffer_slot`:
/// where the type mlx.core.array keeps its bf_getbuffer.
void anymetal_mlx_attach_python(const void* inside_core, void** buffer_slot);
/// For the bytes of a Python function object of mlx.core: it holds the address of an MLX function,
/// taken before this library came; each is replaced by that of ours. Returns how many were.
int anymetal_mlx_retarget(void* object, size_t bytes);
/// Launches that have run to their end in this process.
uint64_t anymetal_mlx_launches();
const char* anymetal_mlx_version();
}
#pragma GCC visibility pop
