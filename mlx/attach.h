// The functions that the Python package calls (with ctypes).
#pragma once

#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(default)
extern "C" {
/// Leads MLX's calls to this library; twice is once. Null: done. Otherwise why not.
const char* anymetal_mlx_attach();
/// What only Python needs: Ctrl-C stops a kernel and raises KeyboardInterrupt. `inside_core`: an
/// address in mlx.core's library.
void anymetal_mlx_attach_python(const void* inside_core);
/// For the bytes of a Python function object of mlx.core: it holds the address of an MLX function,
/// taken before this library came; each is replaced by that of ours. Returns how many were.
int anymetal_mlx_retarget(void* object, size_t bytes);
/// Launches that have run to their end in this process.
uint64_t anymetal_mlx_launches();
const char* anymetal_mlx_version();
}
#pragma GCC visibility pop
