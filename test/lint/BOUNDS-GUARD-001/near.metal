// case: a return for the last threads
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
uint n = shape[0];
if (i >= n) return;
y[i] = x[i] * 2;
// case: a grid of as many threads as elements
//! --input x:float32[1000] --output y:float32[1000] --threadgroup 256 --grid 1000
uint i = thread_position_in_grid.x;
y[i] = x[i] * 2;
// case: a neighbourhood's edges
//! --input x:float32[1000] --output y:float32[1000] --threadgroup 256 --grid 1000
uint i = thread_position_in_grid.x;
uint n = x_shape[0];
float left = i > 0 ? x[i - 1] : 0.0f;
float right = i < n - 1 ? x[i + 1] : 0.0f;
y[i] = left + x[i] + right;
// case: the position limited
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
uint n = shape[0];
float v = x[min(i, n - 1)];
if (i < n) y[i] = v;
