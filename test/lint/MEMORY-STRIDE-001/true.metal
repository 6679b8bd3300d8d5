// case: a row for each thread
//! --input x:float32[1024,512] --output y:float32[1024] --threadgroup 256 --grid 1024
uint row = thread_position_in_grid.x;
uint columns = x_shape[1];
float sum = 0;
for (uint k = 0; k < columns; ++k) sum += x[row * columns + k];  // finds
y[row] = sum;
// case: a transposed store
//! --input x:float32[512,512] --input shape:uint32[2] --output y:float32[512,512] --threadgroup 32,8
uint u = thread_position_in_grid.x, v = thread_position_in_grid.y;
y[u * shape[0] + v] = x[v * shape[1] + u];  // finds
// case: 64 elements a thread
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_grid.x;
float sum = 0;
for (uint k = 0; k < 64; ++k) sum += x[i * 64 + k];  // finds
y[i] = sum;
