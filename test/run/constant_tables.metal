// Metal Shading Language Specification, 4.2: program-scope constants: tables, structs, and constexpr
// grid: 3
// out y: int 13 27 43
#include <metal_stdlib>
using namespace metal;

struct Row {
  int weight;
  int terms[2];
};
constant Row rows[3] = {{1, {3, 10}}, {2, {4, 19}}, {3, {5, 28}}};
constexpr constant int offset = 0;

kernel void constant_tables(device int* y, uint i [[thread_position_in_grid]]) {
  constant Row& row = rows[i];
  y[i] = row.weight * row.terms[0] + row.terms[1] + offset;
}
