// Rows of a matrix in OpenCL C: a work-group a row, reductions by halves in local memory, for it has no simdgroups everywhere.
#if defined(TYPE_half)
typedef half element;
float get(global const half* from, uint at) { return vload_half(at, from); }
void put(global half* to, uint at, float value) { vstore_half(value, at, to); }
#elif defined(TYPE_bfloat)
typedef ushort element;
float get(global const ushort* from, uint at) { return as_float((uint)from[at] << 16); }
void put(global ushort* to, uint at, float value) {
  uint bits = as_uint(value);
  to[at] = (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
#else
typedef float element;
float get(global const float* from, uint at) { return from[at]; }
void put(global float* to, uint at, float value) { to[at] = value; }
#endif

kernel __attribute__((reqd_work_group_size(256, 1, 1))) void softmax(global const element* x, global element* y, uint columns) {
  local float partial[256];
  uint at = get_local_id(0), start = get_group_id(0) * columns;
  float top = -INFINITY;
  for (uint j = at; j < columns; j += 256) top = fmax(top, get(x, start + j));
  partial[at] = top;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint s = 128; s > 0; s >>= 1) {
    if (at < s) partial[at] = fmax(partial[at], partial[at + s]);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  top = partial[0];
  barrier(CLK_LOCAL_MEM_FENCE);
  float sum = 0;
  for (uint j = at; j < columns; j += 256) sum += exp(get(x, start + j) - top);
  partial[at] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint s = 128; s > 0; s >>= 1) {
    if (at < s) partial[at] += partial[at + s];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  float scale = 1 / partial[0];
  for (uint j = at; j < columns; j += 256) put(y, start + j, exp(get(x, start + j) - top) * scale);
}

kernel __attribute__((reqd_work_group_size(256, 1, 1))) void rms_norm(global const element* x, global const element* w, global element* y, uint columns,
                                                                      float epsilon) {
  local float partial[256];
  uint at = get_local_id(0), start = get_group_id(0) * columns;
  float sum = 0;
  for (uint j = at; j < columns; j += 256) {
    float value = get(x, start + j);
    sum += value * value;
  }
  partial[at] = sum;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint s = 128; s > 0; s >>= 1) {
    if (at < s) partial[at] += partial[at + s];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  float scale = rsqrt(partial[0] / columns + epsilon);
  for (uint j = at; j < columns; j += 256) put(y, start + j, get(w, j) * (get(x, start + j) * scale));
}
