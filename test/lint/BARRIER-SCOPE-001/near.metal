// case: within a simdgroup
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
simdgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[i ^ 16];
// case: a threadgroup of one simdgroup
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 32 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[32];
part[i] = x[i];
simdgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[31 - i];
// case: a threadgroup_barrier beside it
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
simdgroup_barrier(mem_flags::mem_none);
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
