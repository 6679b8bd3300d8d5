kernel void k6(device float* a, uint n [[thread_index_in_threadgroup]]) { float x[n]; x[0] = 1; a[0] = x[0]; }
