// case: asked, then read
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
if (i >= shape[0]) return;
float v = x[i];
y[i] = v * 2;
// case: a load with its own check
//! --input x:float32[1000] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
float v = i < shape[0] ? x[i] : 0.0f;
if (i < shape[0]) y[i] = v * 2;
// case: another element
//! --input x:float32[1000] --input scale:float32[1] --input shape:uint32[2] --output y:float32[1000] --threadgroup 256
uint i = thread_position_in_grid.x;
float s = scale[0];
if (i >= shape[0]) return;
y[i] = x[i] * s;
