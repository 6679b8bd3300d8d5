// case: shifted
//! --input x:float32[4096] --input bits:uint32[1] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) >> bits[0]];
y[i] = sum;
// case: by a constant: the compiler shifts
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) / 32];
y[i] = sum;
// case: once
//! --input x:float32[4096] --input bits:uint32[1] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
y[i] = x[i / (1u << bits[0])];
