//! --input x:float32[500,300] --output y:float32[300,500] --threadgroup 32,8 --grid 320,512
threadgroup float tile[32][33];
uint rows = x_shape[0], columns = x_shape[1];
uint u = thread_position_in_threadgroup.x, v = thread_position_in_threadgroup.y;
uint left = threadgroup_position_in_grid.x * 32, top = threadgroup_position_in_grid.y * 32;
for (uint k = v; k < 32; k += 8) {
  if (top + k < rows && left + u < columns) tile[k][u] = x[(top + k) * columns + left + u];
}
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint k = v; k < 32; k += 8) {
  if (left + k < columns && top + u < rows) y[(left + k) * rows + top + u] = tile[u][k];
}
