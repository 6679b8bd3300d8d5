// Checks each access to memory against the object that its pointer comes from: an argument of the
// entry, a variable, a threadgroup variable, a constant table. Where a pointer's origin is lost (it
// was itself loaded from memory, or made from an integer), the runtime looks for an object around
// the address.
//
// Bounds::error: an access that fails calls am_bounds_failed(...), which doesn't return. A read
// whose value may be thrown away fails where the value is used (defer_reads.h). Bounds::robust:
// such a read gives 0 and such a write goes to a dummy; so the code has no more branches than
// before.
#pragma once

#include "backend/kernel_image.h"
#include "backend/thread_function.h"

namespace anymetal::backend {

/// Comes right after make_thread_function: all accesses but the loads of arguments are then the
/// user's. `image.objects` starts with the arguments; this adds the others, and the places of all
/// accesses. Does nothing under Bounds::off.
void instrument_bounds(ThreadFunction& thread, KernelImage& image);

}  // namespace anymetal::backend
