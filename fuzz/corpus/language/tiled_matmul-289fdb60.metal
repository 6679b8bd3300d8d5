[[kernel]] void custom_kernel_tiled_matmul_float_float_float(
  const device float* a [[buffer(0)]],
  const constant int* a_shape [[buffer(1)]],
  const device float* b [[buffer(2)]],
  const constant int* b_shape [[buffer(3)]],
  device float* c [[buffer(4)]],
  uint3 thread_position_in_grid [[thread_position_in_grid]],
  uint3 thread_position_in_threadgroup [[thread_position_in_threadgroup]]) {

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
    
}
