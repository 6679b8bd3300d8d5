kernel void k(device float* a, const device float* b, uint i [[thread_position_in_grid]]) { b[i] = 1; float* p = a; device int* q = a; threadgroup float* r = a; }
