// case: a sum
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = x[i] + x[i + 1] == x[i + 2] ? 1.0f : 0.0f;  // finds
// case: with a decimal
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i] * 3;
if (v == 0.3f) y[i] = 1;  // finds
// case: until it doesn't change
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float v = x[i];
float w = sqrt(v);
while (w * w != v) w = 0.5f * (w + v / w);  // finds
y[i] = w;
