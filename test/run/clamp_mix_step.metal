// Metal Shading Language Specification, 6.2: clamp, mix, saturate, sign, smoothstep, step
// grid: 1
// out y: float 2 -1 7.5 1 0 -1 0.5 0.15625 1 0 3
#include <metal_stdlib>
using namespace metal;

kernel void clamp_mix_step(device float* y) {
  y[0] = clamp(5.0f, 0.0f, 2.0f);
  y[1] = clamp(-5.0f, -1.0f, 2.0f);
  y[2] = mix(5.0f, 10.0f, 0.5f);
  y[3] = saturate(1.5f);
  y[4] = saturate(-0.5f);
  y[5] = sign(-3.0f);
  y[6] = smoothstep(0.0f, 2.0f, 1.0f);
  y[7] = smoothstep(0.0f, 4.0f, 1.0f);  // t = 1/4: t*t*(3-2t)
  y[8] = step(1.0f, 1.0f);
  y[9] = step(1.0f, 0.5f);
  y[10] = max3(1.0f, 3.0f, 2.0f);
}
