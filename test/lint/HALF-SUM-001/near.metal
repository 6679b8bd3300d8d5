// case: a sum in float
//! --input x:float16[4096] --output y:float16[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 1000; ++k) sum += float(x[i + k]);
y[i] = half(sum);
// case: four turns
//! --input x:float16[4096] --output y:float16[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
half sum = 0;
for (uint k = 0; k < 4; ++k) sum += x[i + k];
y[i] = sum;
// case: a maximum
//! --input x:float16[4096] --output y:float16[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
half most = x[i];
for (uint k = 0; k < 1000; ++k) most = max(most, x[i + k]);
y[i] = most;
