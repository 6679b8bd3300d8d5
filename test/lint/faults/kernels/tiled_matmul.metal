//! --input a:float32[100,80] --input b:float32[80,120] --output c:float32[100,120] --threadgroup 16,16 --grid 128,112
constexpr int TILE = 16;
threadgroup float tile_a[TILE][TILE];
threadgroup float tile_b[TILE][TILE];
int rows = a_shape[0];
int inner = a_shape[1];
int columns = b_shape[1];
int row = thread_position_in_grid.y;
int column = thread_position_in_grid.x;
int y = thread_position_in_threadgroup.y;
int x = thread_position_in_threadgroup.x;
float sum = 0;
for (int step = 0; step < inner; step += TILE) {
  tile_a[y][x] = row < rows && step + x < inner ? a[row * inner + step + x] : 0.0f;
  tile_b[y][x] = step + y < inner && column < columns ? b[(step + y) * columns + column] : 0.0f;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (int i = 0; i < TILE; ++i) {
    sum += tile_a[y][i] * tile_b[i][x];
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
if (row < rows && column < columns) {
  c[row * columns + column] = sum;
}
