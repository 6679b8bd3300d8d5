"""What limits the rows that don't reach their goal, and what was tried: the page shows it where a row is below 1 (its second kernel below
0.9 of the first, `robust` 15% above `off`). design/simt.md, "What limits what", has more. A row without a text is shown as not looked into."""

ROWS = {
    "cast": "Between 0.89 and 0.96 from run to run. Loads, a conversion, stores past the caches on both sides; no difference in the code was found that explains it.",
    "softmax": "The kernel computes each exp twice, the hand-written code keeps the first ones. Tried: requests ahead for what is read and written (in). Not tried: keeping what two loops compute alike.",
    "softmax_half": "As float: exp twice.",
    "softmax_bfloat": "Between 0.68 and 0.72 from run to run. As float: exp twice; the second kernel, which keeps them, is at 0.85 of C++ from a cache where the first is at 0.65. Rounding takes nine integer instructions a vector, the hand-written code one that flushes denormals. "
                      "Tried: two registers' upper halves by one permutation and one store (in, 2%).",
    "qtv": "Pieces of rows: threadgroups side by side read 512 bytes of each (in; 0.64 before). What is left is a call from Python, 4 us, and sharing out between two threads.",
    "qtv_32x8": "As above (0.40 before), and between 0.66 and 0.97 from run to run. Tried in C++: more rows in flight, requests ahead, whole rows in turn; nothing or slower.",
    "rank1": "From the caches; between 0.81 and 0.92 from run to run. Not looked into.",
    "gemm_1024": "As n = 512: between 0.84 and 1.20 from run to run.",
    "gemm_512": "16 rows of each tile in registers beside 16 sums is all of them; twelve sums go to the stack for each tile.",
    "mandelbrot": "33 instructions a turn for 32 numbers: the masks of lanes that are through are kept beside what they computed, where the hand-written loop counts under a mask; and a look whether the launch was stopped.",
    "sdpa_vector": "Between 0.65 and 0.75 from run to run. Two scalar exp a key, of 115 instructions in all; keys come from the third cache once for each head of a group, the hand-written code reads them once. Tried: requests ahead (1.4 times as long), "
                   "threadgroups that share keys side by side (in, 10%), steps of several simdgroups (0.13 of C++).",
    "sdpa_full": "Of 8,000 instructions a step and 32 keys, 2,048 multiply-adds; weights are spread anew for each of eight products: 1,024 permutations.",
    "quantized_gemv": "The 32 registers of x are operands from the stack.",
    "scan": "The kernel reads a row, keeps 22 KB of sums, then writes; C++ does both in one pass. C++ in two passes takes 1.4 times as long.",
    "first_cold": "Between 0.75 and 0.99 from run to run. Clang's reading of the headers, from a prefix that is read lazily, is two thirds of it.",
}

AGAIN = {
    "copy": "All simdgroups of a step load 128 registers before the first is stored, since buffers may be one; 96 go through the stack.",
    "strided_copy": "A step is two loads, one of them across two lines, and two stores for 32 elements; what it waits for wasn't found.",
    "steel_gemm_float": "It reads its matrices straight from memory, in rows a power of two apart: all lines of a column are in one or two sets of the first cache.",
    "mandelbrot": "Two ways out of the loop; the one that all take together still goes through masks.",
    "histogram_threadgroup": "256 locked additions for 8,192 values, where the first kernel has them for 16,384. Tried: requests for lanes that are read one by one (in, 0.53 before).",
    "sdpa_full": "MLX's kernel with key tiles of 16 in the place of 32: half the multiply-adds for each round of maxima and sums.",
}
for _name in ("half", "bfloat"):
    AGAIN[f"steel_gemm_{_name}"] = AGAIN["steel_gemm_float"]

ROBUST = {
    "strided_copy": "Between 1.04 and 1.19 from run to run; its pace is memory's.",
    "rank1": "Three questions for 32 elements, 14 instructions beside 30.",
    "depthwise": "1.03 and 1.15 in two runs.",
    "sdpa_vector": "Loops with checks keep the permutations that off has no longer.",
    "sort": "It looks up places that it has computed.",
}
