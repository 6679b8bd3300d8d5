// case: once, before the loop
//! --input x:float32[4096] --input shape:uint32[2] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
uint row = i / shape[1], column = i % shape[1];
float sum = 0;
for (uint k = 0; k < shape[0]; ++k) sum += x[row * k + column];
y[i] = sum;
// case: by a constant
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) % 1000];
y[i] = sum;
// case: by a template argument
//! --input x:float32[4096] --output y:float32[4096] --template N=24 --threadgroup 256
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) / N];
y[i] = sum;
// case: the same in all turns
//! --input x:float32[4096] --input shape:uint32[2] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[k + i / shape[0]];
y[i] = sum;
