// case: a literal without suffix is float
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = x[i] * 0.1;
// case: two floats
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float high = x[i], low = x[i] * 1e-8f;
y[i] = high + low;
// case: a part of a name
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float doubled = x[i] * 2;
y[i] = doubled;
