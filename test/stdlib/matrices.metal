// What comes out is computed again in library_test.cc.
kernel void matrices(device const float4x4* in [[buffer(0)]], device float* out [[buffer(1)]]) {
  device float4x4* o = (device float4x4*)out;
  const float4x4 a = in[0];
  const float4 v(1, 2, 3, 4);
  o[0] = a * a;
  o[1] = transpose(a);
  o[2] = a * 2;
  o[2] -= float4x4(3.0);
  device float4* o4 = (device float4*)(out + 48);
  o4[0] = a * v;
  o4[1] = v * a;
  out[56] = determinant(a);
  float3x3 b = float3x3(a[0].xyz, a[1].xyz, a[2].xyz);
  out[57] = determinant(b);
  out[58] = determinant(float2x2(a[0][0], a[0][1], a[1][0], a[1][1]));
  out[59] = sizeof(float3x3);
  out[60] = sizeof(float4x2);
  // Two columns of three: (1, 2, 3) + 2 (4, 5, 6).
  float2x3 m = float2x3(float3(1, 2, 3), float3(4, 5, 6));
  float3 w = m * float2(1, 2);
  out[61] = w.x;
  out[62] = w.y;
  m[1].z += 0;
  m.columns[0][0] = 1;
  half2x3 h = half2x3(m);
  out[63] = float(h[0].z) + 2 * float(h[1].z);
  out[64] = transpose(transpose(m)) == m;
}
