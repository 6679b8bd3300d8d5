// What vector_math.o calls to return a bfloat on a processor without instructions for them; older
// libgcc's lack it. The float is a bfloat's value already.
#include <bit>
#include <cstdint>

// A bfloat travels as a half does.
extern "C" _Float16 __truncsfbf2(float x) {
  return std::bit_cast<_Float16>(static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16));
}
