// case: a small value becomes zero
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i];
if (fabs(v) < 1e-6f) {  // finds
  v = 0.0f;
}
y[i] = v;
// case: one of two
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i], sign;
if (v < 0) sign = -1.0f; else sign = 1.0f;  // finds
y[i] = sign;
// case: a limit
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i], most = 0;
for (uint k = 0; k < 8; ++k) {
  float w = x[i + k];
  if (w > most) most = w;  // finds
}
y[i] = most * v;
