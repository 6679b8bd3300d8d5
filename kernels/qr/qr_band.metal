// qr_band: some rows of R: zeros, the panel's triangle, and what lies right of it.
//
// shape: rows of the band, rows of the panel's triangle, where it begins, columns of R, rows of W.
//
// inputs: R, W, shape
// outputs: out
// types: R=float32, W=float32, out=float32
#include <metal_stdlib>
using namespace metal;
//// body
const uint rows = shape[0], n = shape[1], first = shape[2], columns = shape[3];
const uint column = thread_position_in_grid.x, row = thread_position_in_grid.y, matrix = thread_position_in_grid.z;
const uint rest = columns - first - n;
if (column < columns && row < rows) {
  float value = 0.0f;
  if (column >= first && column < first + n) value = R[ulong(matrix) * n * n + row * n + column - first];
  else if (column >= first + n) value = W[ulong(matrix) * shape[4] * rest + row * rest + column - first - n];
  out[(ulong(matrix) * rows + row) * columns + column] = value;
}
