// case: by 1 << n
//! --input x:float32[4096] --input bits:uint32[1] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) / (1u << bits[0])];  // finds
y[i] = sum;
// case: a remainder of 1 << n
//! --input x:float32[4096] --input bits:uint32[1] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
uint span = 1u << bits[0];
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i * k) % span];  // finds
y[i] = sum;
// case: by the simdgroup's size
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 16; ++k) sum += x[(i + k) / threads_per_simdgroup];  // finds
y[i] = sum;
