float foo(float);
extern "C" int system(const thread char*);
int counter = 3;
kernel void k(device float* a) { a[0] = foo(1); }
kernel void k2(device float* a) { a[0] = system((const thread char*)0); }
kernel void k3(device float* a) { a[0] = counter++; }
kernel void k4(device float* a) { static int q = 0; a[0] = q++; }
kernel void k5(device float* a) { float (*f)(float) = foo; a[0] = f(1); }
kernel void k6(device float* a, int n [[thread_index_in_threadgroup]]) { float x[n]; a[0] = x[0]; }
