// Put before every file that sees LLVM's headers when we build under AddressSanitizer
// (cmake/llvm.cmake).
//
// LLVM's allocators poison what they haven't handed out, and unpoison what they do, if they are
// compiled under the sanitizer. Debian's libLLVM isn't: memory that our copy of an allocator's
// inline function has poisoned would be handed out by the library's copy without a word, and each
// use of it would be a finding. So our copies don't poison either. What is lost: use of a piece of
// an LLVM arena that nobody was given goes unnoticed; the arena as a whole is the sanitizer's as
// ever.
#pragma once
#include <llvm/Support/Compiler.h>

#undef LLVM_ADDRESS_SANITIZER_BUILD
#define LLVM_ADDRESS_SANITIZER_BUILD 0
#define __asan_poison_memory_region(address, size) ((void)0)
#define __asan_unpoison_memory_region(address, size) ((void)0)
