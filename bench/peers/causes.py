"""What limits the rows that don't reach their goal, and what was tried: the page shows it where a row is below 1 (its second kernel below
0.9 of the first, `robust` 15% above `off`). design/simt.md, "What limits what", has more. A row without a text is shown as not looked into."""

ROWS = {
    "cast": "Between 0.89 and 0.96 from run to run. Loads, a conversion, stores past the caches on both sides; no difference in the code was found that explains it.",
    "softmax": "The kernel computes each exp twice, the hand-written code keeps the first ones. Tried: requests ahead for what is read and written (in). Not tried: keeping what two loops compute alike.",
    "softmax_half": "As float: exp twice.",
    "softmax_bfloat": "As float: exp twice; the second kernel, which keeps them, was at 0.85 of C++ from a cache where the first was at 0.65. Lines are rounded by the machine's instruction, as in the hand-written code, where none of their floats is denormal (in, 9%); "
                      "the question takes an instruction and a half a vector. Tried before: two registers' upper halves by one permutation and one store (in, 2%).",
    "qtv": "Pieces of rows: threadgroups side by side read 512 bytes of each (in; 0.64 before). A call from Python took 4 us of 33, and takes 1.8 now; from 0.95 to 1.10 in one process on the same arrays.",
    "qtv_32x8": "As above (0.40 before). In one process and on the same arrays 0.87 to 1.05: the third cache, which others use too, has phases of seconds in which we take 43 us and C++ 36, and others with 30 and 28; pages, alignment, sharing out and processors make no difference. Tried in C++: more rows in flight, requests ahead, whole rows in turn; nothing or slower.",
    "rank1": "From the caches. A step was half a row of the threadgroup, 0.81 to 0.92; it is a row now, 1.10 in one run.",
    "gemm_1024": "As n = 512: between 0.84 and 1.20 from run to run.",
    "gemm_512": "A load for each multiply-add: of 256 a tile 248 have a broadcast from threadgroup memory as operand, in some 480 instructions with what copies the tiles; 16 rows of one in registers beside 16 sums are all of them, and twelve sums go to the stack for each tile.",
    "mandelbrot": "33 instructions a turn for 32 numbers: the masks of lanes that are through are kept beside what they computed, where the hand-written loop counts under a mask; and a look whether the launch was stopped.",
    "sdpa_vector": "Four keys a turn, their eight exp in one vector (in: 50 instructions a key for 115, 1.2 times as fast); what is left is memory, 15 ns a key: keys come from the third cache once for each head of a group, the hand-written code reads them once. Tried: requests ahead (1.4 times as long), "
                   "threadgroups that share keys side by side (in, 10%), steps of several simdgroups (0.13 of C++).",
    "sdpa_full": "Of 8,000 instructions a step and 32 keys, 2,048 multiply-adds; weights are spread anew for each of eight products: 1,024 permutations.",
    "quantized_gemv": "The 32 registers of x are operands from the stack.",
    "scan": "The kernel reads a row, keeps 22 KB of sums, then writes; C++ does both in one pass. C++ in two passes takes 1.4 times as long.",
    "first_cold": "33 to 40 ms on a machine that does nothing else, 60 to 108 beside other work, whose start is half of it. Clang's reading of the headers, from a prefix that is read lazily, is two thirds of it.",
}

AGAIN = {
    "copy": "Groups of neighbours are loaded and stored, 16 registers each, where the first one alternates by two.",
    "strided_copy": "Threadgroups of 128x2 read pieces of 1 KB and write 512 bytes of two rows: with 256x1 it is as fast as the first, with 1024x1 faster. Tried: a row a step (in, 0.75 before).",
    "saxpy": "Sixteen turns a grid apart: 48 streams of memory, of which each threadgroup reads or writes 2 KB. Between 0.77, where memory is quick, and 0.95.",
    "softmax": "0.76 before, 0.88 to 0.92 since what is written past the caches isn't asked for ahead.",
    "qtv": "Four sums a column are eight registers a simdgroup: a step is 64 columns, and rows are read in pieces of 256 bytes, as C++ does; the first kernel reads 512.",
    "steel_gemm_float": "Straight from memory: both simdgroups read all of B from the third cache, one after the other, and with rows a power of two apart a turn's lines are in two sets of the first one. In: sums that wait in memory group by group, operands put on the stack once, requests ahead (0.63 to 0.76 before).",
    "mandelbrot": "Two ways out of the loop; the one that all take together still goes through masks.",
    "histogram_threadgroup": "It adds 256 bins for 8,192 values, where the first kernel does for 16,384. Tried: requests for lanes that are read one by one (in, 0.53 before), additions without locks (in).",
    "rms_norm_bfloat": "Between 0.78 and 0.89 from run to run, since the first kernel is 1.6 times as fast as C++. Not looked into.",
    "gemm_1024": "Between 0.77 and 0.94 from run to run, as the first kernel between 0.84 and 1.23 of its goal: its rows are a power of two apart. Not looked into further.",
    "histogram_device": "0.73 where all of it is memory; four values a thread, whose counts are added to the processor's own by lanes in turn. Not looked into further.",
    "sdpa_full": "MLX's kernel with key tiles of 16 in the place of 32: half the multiply-adds for each round of maxima and sums.",
}
for _name in ("half", "bfloat"):
    AGAIN[f"steel_gemm_{_name}"] = AGAIN["steel_gemm_float"]

ROBUST = {
    "strided_copy": "Between 1.04 and 1.19 from run to run; its pace is memory's.",
    "rank1": "Three questions for 32 elements, 14 instructions beside 30.",
    "depthwise": "1.03 and 1.15 in two runs. On one core 1.28: two divisions and their questions for 32 elements are more than memory takes; with two simdgroups in a step 1.01, which made copies slower.",
    "sdpa_vector": "Loops with checks keep the permutations that off has no longer, and take one key a turn where off takes four.",
    "sort": "It looks up places that it has computed.",
    "quantized_gemv": "Of a row's 32 pieces some have their check in a block of their own: a longer piece would be there twice (1.97 where all of it was refused for its length).",
    "gemm_512": "Between 1.0 and 1.24 from run to run, and off became 1.2 times as fast. The copies of tiles have one question each; the others are in the way that isn't taken. Not found out further.",
    "copy": "Between 1.03 and 1.29 from run to run; its pace is memory's.",
}
