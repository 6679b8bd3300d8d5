double f(double x) { return x; }
struct S { virtual int f() { return 1; } };
kernel void k(device float* a) { int* p = new int; delete p; goto x; x: asm("nop"); throw 1; int char8_t = 3; int requires = char8_t; }
