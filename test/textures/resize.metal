// Bilinear resize by the sampler, and the same by hand from reads: a whole file with two kernels and a template.
#include <metal_stdlib>
using namespace metal;

kernel void resize(texture2d<half, access::sample> source [[texture(0)]],
                   texture2d<half, access::write> target [[texture(1)]],
                   sampler linear [[sampler(0)]],
                   ushort2 at [[thread_position_in_grid]]) {
  const ushort2 size = ushort2(target.get_width(), target.get_height());
  if (any(at >= size)) return;
  target.write(source.sample(linear, (float2(at) + 0.5f) / float2(size)), at);
}

template <typename T>
vec<T, 4> texel(texture2d<T, access::read> source, int2 at) {
  const int2 last = int2(source.get_width(), source.get_height()) - 1;
  return source.read(uint2(clamp(at, int2(0), last)));
}

kernel void resize_by_hand(texture2d<half, access::read> source [[texture(0)]],
                           texture2d<half, access::write> target [[texture(1)]],
                           uint2 at [[thread_position_in_grid]]) {
  const float2 size = float2(target.get_width(), target.get_height());
  if (any(float2(at) >= size)) return;
  const float2 place = (float2(at) + 0.5f) / size * float2(source.get_width(), source.get_height()) - 0.5f;
  const int2 low = int2(floor(place));
  const half2 f = half2(fract(place));
  const half4 top = mix(texel(source, low), texel(source, low + int2(1, 0)), f.x);
  const half4 bottom = mix(texel(source, low + int2(0, 1)), texel(source, low + int2(1, 1)), f.x);
  target.write(mix(top, bottom, f.y), at);
}
