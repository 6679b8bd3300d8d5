namespace foo {
float f() { return 1; }
kernel void k(device float* a) { a[0] = f(); }
