// case: zero
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i] - 1;
y[i] = v == 0 ? 1.0f : 1 / v;
// case: a value that was chosen
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float most = simd_max(x[i]);
y[i] = x[i] == most ? 1.0f : 0.0f;
// case: NaN
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i] * 2;
y[i] = v != v ? 0.0f : v;
// case: infinity
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = exp(x[i]);
y[i] = v == INFINITY ? 0.0f : v;
