// The elementwise rows in OpenCL C: a work-item for each thread of the Metal kernels.
kernel void do_exp(global const float* x, global float* y) {
  uint i = get_global_id(0);
  y[i] = exp(x[i]);
}

kernel void saxpy(global const float* x, global const float* y, global float* z, float a, uint n) {
  uint i = get_global_id(0);
  if (i >= n) return;
  z[i] = a * x[i] + y[i];
}

kernel void copy(global const float* x, global float* y) {
  uint i = get_global_id(0);
  y[i] = x[i];
}

kernel void cast(global const float* x, global half* y) {
  uint i = get_global_id(0);
  vstore_half(x[i], i, y);
}

kernel void strided_copy(global const float* x, global float* y) {
  uint i = get_global_id(0);
  y[i] = x[2 * i];
}

kernel void depthwise(global const float* x, global const float* k, global float* y, uint images, uint channels, uint length) {
  uint id = get_global_id(0);
  if (id >= images * channels * length) return;
  uint image = id / (channels * length), rest = id % (channels * length);
  uint channel = rest / length, t = rest % length, start = image * channels * length + channel * length;
  float v0 = t >= 1 ? x[start + (t - 1)] : 0.0f;
  float v1 = x[start + t];
  float v2 = t + 1 < length ? x[start + (t + 1)] : 0.0f;
  float acc = v0 * k[channel * 3 + 0];
  acc = mad(v1, k[channel * 3 + 1], acc);
  acc = mad(v2, k[channel * 3 + 2], acc);
  y[id] = acc;
}

kernel void mandelbrot(global int* out, int w, int h, int limit) {
  uint x = get_global_id(0), y = get_global_id(1);
  float cr = -2.0f + 2.5f * (float)x / (float)w, ci = -1.25f + 2.5f * (float)y / (float)h, zr = 0, zi = 0;
  int n = 0;
  while (n < limit && zr * zr + zi * zi <= 4.0f) {
    float t = zr * zr - zi * zi + cr;
    zi = 2.0f * zr * zi + ci;
    zr = t;
    n++;
  }
  out[y * (uint)w + x] = n;
}

kernel void histogram_device(global const uint* x, global uint* bins) { atomic_inc(bins + (x[get_global_id(0)] & 255)); }

kernel __attribute__((reqd_work_group_size(256, 1, 1))) void histogram_threadgroup(global const uint* x, global uint* bins, uint each) {
  local uint mine[256];
  uint at = get_local_id(0), start = get_group_id(0) * 256 * each + at;
  mine[at] = 0;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint j = 0; j < each; ++j) atomic_inc(mine + (x[start + j * 256] & 255));
  barrier(CLK_LOCAL_MEM_FENCE);
  atomic_add(bins + at, mine[at]);
}

kernel void nothing(global float* x) {}
