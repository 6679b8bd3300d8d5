// Metal Shading Language Specification, 2.1: elements of 8 and 16 bits, read and written in any order, up to a buffer's last byte
// grid: 20
// threadgroup: 32
// in order: uint 7 0 18 3 11 15 1 19 4 9 2 16 13 5 8 17 6 12 10 14
// in bytes: uchar 11 48 85 122 159 196 233 14 51 88 125 162 199 236 17 54 91 128 165 202 239 20 57 94 131 168 205 242 23 60 97 134 171 208 245 26 63 100 137 174 211
// in values: ushort 1000 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 1012 1013 1014 1015 1016 1017 1018 1019
// out one: uchar 17 48 63 14 57 134 85 174 51 202 159 208 205 162 91 26 199 168 239 60
// out two: ushort 13841 21808 25663 13070 24121 43910 31317 54190 22579 61386 50335 62928 62157 51106 32859 16154 60615 52648 5359 24892
// out placed: ushort 1001 0 1010 0 1008 1013 1016 0 1014 0 0 1004 1017 0 1019 1005 1011 0 1002 1007
// out placed_bytes: uchar 48 233 125 122 51 236 91 11 17 88 165 159 128 199 202 196 162 54 85 14
#include <metal_stdlib>
using namespace metal;

kernel void narrow_elements(device const uint* order, device const uchar* bytes, device const ushort* values, device uchar* one,
                            device ushort* two, device ushort* placed, device uchar* placed_bytes,
                            uint i [[thread_position_in_grid]]) {
  // Odd addresses, too: packed data is read so, and the last two bytes end the buffer.
  const uint at = order[i] * 2 + (i & 1);
  one[i] = bytes[at];
  two[i] = *(device const ushort*)(bytes + at);
  if (i % 3 != 0) placed[order[i]] = values[i];
  placed_bytes[order[i]] = bytes[i];
}
