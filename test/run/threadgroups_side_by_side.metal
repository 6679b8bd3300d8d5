// Metal Shading Language Specification, 4.4 and 5.2.3.6: each threadgroup has its own threadgroup memory and its own position, also where
// several run at once. Rows are a number apart that only the dispatch knows; here they overlap.
// threadgroups: 4
// threadgroup: 32
// in q: uint 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127 128 129
// value size: 3 1
// out sums: uint 96 93 90 87 84 81 78 75 72 69 66 63 60 57 54 51 48 45 42 39 36 33 30 27 24 21 18 15 12 9 6 3 292 289 286 283 280 277 274 271 268 265 262 259 256 253 250 247 244 241 238 235 232 229 226 223 220 217 214 211 208 205 202 199 488 485 482 479 476 473 470 467 464 461 458 455 452 449 446 443 440 437 434 431 428 425 422 419 416 413 410 407 404 401 398 395 684 681 678 675 672 669 666 663 660 657 654 651 648 645 642 639 636 633 630 627 624 621 618 615 612 609 606 603 600 597 594 591
#include <metal_stdlib>
using namespace metal;

kernel void threadgroups_side_by_side(device const uint* q, constant uint2& size, device uint* sums,
                                      uint column [[thread_position_in_grid]], uint x [[thread_position_in_threadgroup]],
                                      uint group [[threadgroup_position_in_grid]]) {
  threadgroup uint of_all[32];
  uint sum = 0;
  for (uint row = 0; row < size.x; ++row) sum += q[row * size.y + column];
  of_all[x] = sum;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  sums[column] = of_all[31 - x] + 100 * group;
}
