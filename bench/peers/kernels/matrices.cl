// Vectors and matrices in OpenCL C.
kernel void qtv(global const float* Q, global const float* v, global float* out, uint m, uint k) {
  uint column = get_global_id(0);
  if (column >= k) return;
  float acc = 0.0f;
  for (uint i = 0; i < m; ++i) acc += Q[i * k + column] * v[i];
  out[column] = acc;
}

kernel __attribute__((reqd_work_group_size(32, 8, 1))) void qtv_32x8(global const float* Q, global const float* v, global float* out, uint m, uint k) {
  local float partial[8][32];
  uint x = get_local_id(0), y = get_local_id(1), column = get_global_id(0);
  float acc = 0.0f;
  for (uint i = y; i < m; i += 8) acc += Q[i * k + column] * v[i];
  partial[y][x] = acc;
  barrier(CLK_LOCAL_MEM_FENCE);
  if (y == 0) {
    float sum = 0.0f;
    for (uint part = 0; part < 8; ++part) sum += partial[part][x];
    out[column] = sum;
  }
}

kernel void rank1(global const float* Q, global const float* v, global const float* c, global float* R, uint m, uint k) {
  uint column = get_global_id(0), row = get_global_id(1);
  if (column >= k || row >= m) return;
  uint place = row * k + column;
  R[place] = Q[place] - v[row] * c[column];
}

kernel __attribute__((reqd_work_group_size(16, 16, 1))) void gemm(global const float* A, global const float* B, global float* C, uint n) {
  local float tile_a[16][16], tile_b[16][16];
  uint x = get_local_id(0), y = get_local_id(1), column = get_global_id(0), row = get_global_id(1);
  float acc = 0.0f;
  for (uint start = 0; start < n; start += 16) {
    tile_a[y][x] = (row < n && start + x < n) ? A[row * n + start + x] : 0.0f;
    tile_b[y][x] = (start + y < n && column < n) ? B[(start + y) * n + column] : 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint p = 0; p < 16; ++p) acc = mad(tile_a[y][p], tile_b[p][x], acc);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (row < n && column < n) C[row * n + column] = acc;
}
