// case: one output checked, one not
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --output z:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
uint n = shape[0];
if (i < n) {
  y[i] = x[i];
}
z[i] = 1;  // finds
// case: rows checked for loads and not for the store
//! --input a:float32[64,64] --input shape:uint32[2] --output c:float32[64,64] --threadgroup 16,16
uint row = thread_position_in_grid.y, column = thread_position_in_grid.x;
uint m = shape[0], n = shape[1];
float v = row < m && column < n ? a[row * n + column] : 0.0f;
c[row * n + column] = v * 2;  // finds
// case: a size that nothing asks
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
uint n = shape[0];
y[i] = x[i] * 2;  // finds
// case: more threads than elements
//! --input x:float32[1000] --output y:float32[1000] --threadgroup 256 --grid 1024
uint i = thread_position_in_grid.x;
float v = i < 1000 ? 1.0f : 2.0f;
y[min(i, 999u)] = x[i] * v;  // finds
