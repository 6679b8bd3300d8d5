#include <metal_stdlib>
using namespace metal;

// One axis of threads, a loop that is left in its middle.
kernel void mandelbrot(device int* counts, constant int* size, uint pixel [[thread_position_in_grid]]) {
  const uint width = size[0];
  const float2 c = float2(pixel % width, pixel / width) * 2.5f / float2(size[0], size[1]) + float2(-2.0f, -1.25f);
  float2 z = 0;
  int round = 0;
  for (; round < size[2]; ++round) {
    const float2 squares = z * z;
    if (squares.x + squares.y > 4.0f) break;
    z = float2(squares.x - squares.y, (z.x + z.x) * z.y) + c;
  }
  counts[pixel] = round;
}
