// case: both flags
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_device | mem_flags::mem_threadgroup);
y[i] = part[255 - i];
// case: nothing is shared
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
y[i] = x[i];
threadgroup_barrier(mem_flags::mem_device);
y[i] += 1;
// case: its own element
//! --input x:float32[4096] --output y:float32[4096] --threadgroup 256 --grid 4096
uint i = thread_position_in_threadgroup.x;
threadgroup float part[256];
part[i] = x[i];
threadgroup_barrier(mem_flags::mem_none);
y[i] = part[i];
