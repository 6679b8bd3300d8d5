kernel void k(device float* a, uint i [[thread_position_in_gird]]) { a[i] = 1; }
