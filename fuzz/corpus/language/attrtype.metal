kernel void k(device float* a, float i [[thread_position_in_grid]], uint2 j [[thread_index_in_simdgroup]], int q) { a[0] = 1; }
