// Metal Shading Language Specification, 4.4 and 5.2.3.6: each threadgroup has its own threadgroup memory and its own position, also where
// several run at once, since two read the same rows. Their distance is a number that only the dispatch knows; here they overlap.
// threadgroups: 4
// threadgroup: 32
// in q: uint 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
// value size: 3 1 2
// out sums: uint 96 93 90 87 84 81 78 75 72 69 66 63 60 57 54 51 48 45 42 39 36 33 30 27 24 21 18 15 12 9 6 3 196 193 190 187 184 181 178 175 172 169 166 163 160 157 154 151 148 145 142 139 136 133 130 127 124 121 118 115 112 109 106 103 299 296 293 290 287 284 281 278 275 272 269 266 263 260 257 254 251 248 245 242 239 236 233 230 227 224 221 218 215 212 209 206 399 396 393 390 387 384 381 378 375 372 369 366 363 360 357 354 351 348 345 342 339 336 333 330 327 324 321 318 315 312 309 306
#include <metal_stdlib>
using namespace metal;

kernel void threadgroups_that_share_rows(device const uint* q, constant uint* size, device uint* sums,
                                         uint column [[thread_position_in_grid]], uint x [[thread_position_in_threadgroup]],
                                         uint group [[threadgroup_position_in_grid]]) {
  threadgroup uint of_all[32];
  uint sum = 0;
  for (uint row = 0; row < size[0]; ++row) sum += q[row * size[1] + x + group / size[2]];
  of_all[x] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sums[column] = of_all[31 - x] + 100 * group;
}
