//! --input Q:float32[300,80] --input v:float32[300] --input shape:uint32[2] --output out:float32[80] --threadgroup 64 --grid 128
uint gid = thread_position_in_grid.x;
uint m = shape[0];
uint k = shape[1];
if (gid >= k) return;
float acc = 0.0f;
for (uint i = 0; i < m; ++i) {
  acc += Q[i * k + gid] * v[i];
}
out[gid] = acc;
