kernel void k(device float* a) { a[0] = 1; } // ÿþ
 float Ã( = 1;
