// mlstm_chunk_states: the states before each chunk, and the last one: state = decay state + update, an element of the state a thread.
// `size` is {elements of a head's state, chunks}. The grid is (elements, heads of all sequences).
//
// inputs: initial, update, decay, size
// outputs: before, last
// types: size=uint32
#include <metal_stdlib>
using namespace metal;
//// body
const uint elements = size[0];
const uint chunks = size[1];
const uint j = thread_position_in_grid.x;
const ulong head = thread_position_in_grid.y;
float state = initial[head * elements + j];
for (uint chunk = 0; chunk < chunks; ++chunk) {
  const ulong at = (head * chunks + chunk) * elements + j;
  before[at] = state;
  state = fma(decay[head * chunks + chunk], state, update[at]);
}
last[head * elements + j] = state;
