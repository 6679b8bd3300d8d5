// case: the same for all
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i];
if (x_shape[0] > 100) v = 0.0f;
y[i] = v;
// case: a load, which may be out of bounds
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = 0;
if (i < uint(x_shape[0])) v = x[i];
y[i] = v;
// case: much work
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i];
if (v > 0) {
  v = exp(v) / (1 + exp(v));
}
y[i] = v;
// case: a select
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i];
v = v < 0 ? 0.0f : v;
y[i] = v;
