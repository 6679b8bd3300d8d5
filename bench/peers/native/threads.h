// All processors for one loop: the calling thread and a pool that waits for it.
#pragma once

namespace native {

using Body = void (*)(void* context, long first, long last);

// Runs body over [0, count), in pieces of `chunk` that go to whoever is free.
void share(long count, long chunk, Body body, void* context);

template <class F>
void share(long count, long chunk, F f) {
  share(
      count, chunk,
      [](void* context, long first, long last) { (*static_cast<F*>(context))(first, last); }, &f);
}

int threads();

}  // namespace native
