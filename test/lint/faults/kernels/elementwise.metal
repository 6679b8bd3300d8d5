//! --input x:float32[10000] --input shape:uint32[1] --output y:float32[10000] --threadgroup 256 --grid 10240
uint i = thread_position_in_grid.x;
uint n = shape[0];
if (i >= n) return;
float v = x[i];
y[i] = 1.0f / (1.0f + metal::exp(-v));
