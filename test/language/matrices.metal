// floatNxM and halfNxM: columns, constructors, products, in every space.
struct View { float4x4 m; float3x3 n; };
constant half2x2 kHalf = half2x2(half2(1, 2), half2(3, 4));
float trace(thread const float3x3& m) { return m[0][0] + m[1][1] + m[2][2]; }
float corner(device const float4x4& m) { return m[3][3]; }

kernel void check(device int* out, const device int* in, device float4x4* m, constant View& view) {
  Results r{out};
  float2x2 a(1, 2, 3, 4);
  r(a[1][0], 3);
  float2x3 b = float2x3(float3(1, 2, 3), float3(4, 5, 6));
  r((b * float2(1, 1)).z, 9);
  r((float3(1, 0, 0) * b).y, 4);
  float3x2 c = transpose(b);
  r(c[2].y, 6);
  r((c * b)[0][0], 14);
  float4x4 one(1);
  r(determinant(one) + trace(float3x3(2)), 7);
  m[0] = one;
  m[0][3] = float4(1, 2, 3, 4);
  m[0][3].w += 5;
  r(corner(m[0]), 9);
  float4x4 local = m[0];
  r((local * float4(0, 0, 0, 1)).z, 3);
  r((one * 2.0f + one - one)[1][1], 2);
  r(float(kHalf[1].y) + float((kHalf * half2(1, 1)).x), 8);
  threadgroup float2x2 shared;
  shared = a;
  r(shared[0].y, 2);
  r(view.m[0][0], 12);
  r(sizeof(float3x3) + sizeof(half2x2) + sizeof(float4x3) + sizeof(float2x4), 152);
  float3x3 d = {float3(1, 0, 0), float3(0, 2, 0), float3(0, 0, 3)};
  r(determinant(d), 6);
  d *= 2; d = -d; d = d + d;
  r(d[2][2], -12);
  r(metal::all(a[0] == float2(1, 2)), 1);
  using M = metal::matrix<float, 2, 2>;
  M e = M(float2(1, 2), float2(3, 4));
  r(e.columns[1].x, 3);
  half4x4 f = half4x4(1.0h);
  r(float(f[2][2]), 1);
}
