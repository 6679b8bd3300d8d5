#ifndef LENGTHS
#define LENGTHS
/// What lies behind is one more.
inline uint one_more(uint x) {
  return x + 1;
}
#endif
