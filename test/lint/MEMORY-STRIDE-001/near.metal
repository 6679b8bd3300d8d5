// case: a column for each thread
//! --input x:float32[512,1024] --output y:float32[1024] --threadgroup 256 --grid 1024
uint column = thread_position_in_grid.x;
uint rows = x_shape[0], columns = x_shape[1];
float sum = 0;
for (uint k = 0; k < rows; ++k) sum += x[k * columns + column];
y[column] = sum;
// case: four elements a thread
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 4; ++k) sum += x[i * 4 + k];
y[i] = sum;
// case: by an index from data
//! --input x:float32[4096] --input at:uint32[4096] --output y:float32[4096] --threadgroup 256
uint i = thread_position_in_grid.x;
y[i] = x[at[i]];
// case: one element for all
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
y[i] = x[threadgroup_position_in_grid.x * 64] * x[i];
