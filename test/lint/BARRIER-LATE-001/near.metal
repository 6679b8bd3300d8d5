// case: before the read
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
float other = part[255 - i];
y[i] = other;
// case: before and behind, since it is written again
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
float other = part[255 - i];
threadgroup_barrier(mem_flags::mem_threadgroup);
part[i] = other;
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = part[255 - i];
// case: of its own element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
float mine = part[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
y[i] = mine + part[255 - i];
