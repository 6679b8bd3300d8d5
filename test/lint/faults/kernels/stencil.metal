//! --input x:float32[256,256] --output y:float32[256,256] --threadgroup 16,16 --grid 256,256
threadgroup float tile[18][18];
int columns = x_shape[1], rows = x_shape[0];
int u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
int left = threadgroup_position_in_grid.x * 16 - 1, top = threadgroup_position_in_grid.y * 16 - 1;
for (int k = v; k < 18; k += 16) {
  for (int j = u; j < 18; j += 16) {
    int at = clamp(left + j, 0, columns - 1), line = clamp(top + k, 0, rows - 1);
    tile[k][j] = x[line * columns + at];
  }
}
threadgroup_barrier(mem_flags::mem_threadgroup);
float sum = tile[v + 1][u + 1] * 4;
sum -= tile[v][u + 1] + tile[v + 2][u + 1];
sum -= tile[v + 1][u] + tile[v + 1][u + 2];
y[(top + 1 + v) * columns + left + 1 + u] = sum;
