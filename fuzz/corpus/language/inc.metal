#include "mine/missing.h"
kernel void k(device float* a) {}
