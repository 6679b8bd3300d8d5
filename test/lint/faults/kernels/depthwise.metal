//! --input x:float32[2,60,101] --input k:float32[60,3] --input params:uint32[3] --output y:float32[2,60,101] --threadgroup 256 --grid 12288
uint B = params[0];
uint C = params[1];
uint L = params[2];
uint tid = thread_position_in_grid.x;
uint total = B * C * L;
if (tid >= total) return;
uint t = tid % L;
uint c = tid / L % C;
float v0 = (t >= 1) ? x[tid - 1] : 0.0f;
float v1 = x[tid];
float v2 = (t + 1 < L) ? x[tid + 1] : 0.0f;
float taps[3];
for (uint j = 0; j < 3; ++j) taps[j] = k[c * 3 + j];
y[tid] = fma(v2, taps[2], fma(v1, taps[1], v0 * taps[0]));
