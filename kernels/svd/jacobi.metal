// jacobi: Jacobi's method over the pairs of columns, for one matrix a threadgroup. The columns of `a` (`size` = {columns, height,
// sweeps at most}) lie as rows in memory. They are scaled to a largest element of 1, so that squares neither overflow nor vanish:
// g = A v / scale, and v is turned from the identity. Column j of g and behind it column j of v are row j of `g_and_v`, each filled up
// to whole rows of 32 lanes by zeros. In each round of a tournament every BLOCK of columns meets another one, a simdgroup turns all pairs
// between them (which stay in the first cache meanwhile), in the first round also those within, and all meet at a barrier; a sweep is
// as many rounds as it takes for every two blocks to meet.
//   SYMMETRIC = 0: pairs of g become orthogonal (Hestenes 1958): g's lengths become singular values.
//   SYMMETRIC = 1: A is symmetric, of its rows only the lower triangle is read, and v_p . A v_q becomes 0 (Jacobi 1846): eigenvectors.
// It ends with a sweep after which nothing is left to turn. `sweeps` is how many there were. Is an element not finite, `scale` is NaN,
// and so is g.
// BLOCK, 8 or 16, is also how many pairs a simdgroup looks at before it turns them: their angles are worked out side by side, a lane each.
//
// inputs: a, size
// outputs: g_and_v, scale, sweeps
// types: sweeps=uint32, size=uint32
// instances: SYMMETRIC=0,THREADS=256,BLOCK=8 | SYMMETRIC=1,THREADS=256,BLOCK=16
#include <metal_stdlib>
using namespace metal;

constant constexpr float EPS = 0x1p-24f;

// The two players, one < other, that meet as number `pair` in round `round` of a tournament; players is even.
inline uint2 players_that_meet(uint pair, uint round, uint players) {
  const uint one = pair == 0 ? players - 1 : round + pair - (round + pair < players - 1 ? 0 : players - 1);
  const uint other = round >= pair ? round - pair : round + players - 1 - pair;
  return uint2(min(one, other), max(one, other));
}

// The places p < q of pair k in a step of two blocks' meeting: in 2 * BLOCK - 1 steps all of both, in BLOCK those between them.
template <int BLOCK>
inline uint2 places_that_meet(uint k, uint step, bool within) {
  return within ? players_that_meet(k, step, 2 * BLOCK) : uint2(k, BLOCK + (k + step) % BLOCK);
}

// The pair that a place is in then.
template <int BLOCK>
inline uint pair_of(uint place, uint step, bool within) {
  if (!within) return place < BLOCK ? place : (place - step) % BLOCK;
  const uint behind = place >= step ? place - step : place + 2 * BLOCK - 1 - step;
  return place == 2 * BLOCK - 1 ? 0 : min(behind, 2 * BLOCK - 1 - behind);
}

template <int BLOCK>
inline uint column_at(uint place, uint2 blocks) {
  return (place < BLOCK ? blocks.x : blocks.y - 1) * BLOCK + place;
}

// left . g, all lanes of a simdgroup together. Columns are `rows` rows of lanes, zero behind their end.
inline float product(const device float* left, const device float* g, uint rows, uint lane) {
  float sum = 0.0f;
  for (uint row = 0; row < rows; ++row) sum = fma(left[row * 32 + lane], g[row * 32 + lane], sum);
  return simd_sum(sum);
}

inline void turn(device float* p, device float* q, float cosine, float sine, uint rows, uint lane) {
  for (uint row = 0; row < rows; ++row) {
    const uint i = row * 32 + lane;
    const float a = p[i];
    const float b = q[i];
    p[i] = fma(cosine, a, -sine * b);
    q[i] = fma(sine, a, cosine * b);
  }
}

// What a lane's pairs showed in a sweep.
struct Seen {
  uint turns;     // how many weren't orthogonal
  float product;  // the largest |left_p . g_q|
  float sine;     // of the largest angle
};

// left . g of each column of two blocks, in the lanes that have its place, by one simdgroup.
template <int SYMMETRIC, int BLOCK>
inline float squares_of_blocks(const device float* both, uint g_rows, uint v_rows, uint columns, uint2 blocks, uint lane) {
  float squares = 0.0f;
  for (uint place = 0; place < 2 * BLOCK; ++place) {
    const uint column = column_at<BLOCK>(place, blocks);
    if (column >= columns) break;
    const device float* g = both + column * (g_rows + v_rows) * 32;
    const float square = product(g + (SYMMETRIC ? g_rows * 32 : 0), g, g_rows, lane);
    squares = lane % (2 * BLOCK) == place ? square : squares;
  }
  return squares;
}

// Turns BLOCK pairs of two blocks by the angles that make them orthogonal, by one simdgroup. The smaller of two angles, from t = tan: t^2 + 2 zeta t - 1 = 0 (Rutishauser 1966).
// `squares`, of all columns of both, are kept up: a turn takes t * product from one and gives it to the other.
template <int SYMMETRIC, int BLOCK>
inline void turn_pairs(device float* both, uint g_rows, uint v_rows, uint columns, float threshold, uint step, uint2 blocks,
                       bool within, uint lane, thread float& squares, thread Seen& seen) {
  const uint rows = g_rows + v_rows;
  float pq = 0.0f;
  for (uint k = 0; k < BLOCK; ++k) {
    const uint2 met = places_that_meet<BLOCK>(k, step, within);
    const uint p = column_at<BLOCK>(met.x, blocks);
    const uint q = column_at<BLOCK>(met.y, blocks);
    if (q >= columns) continue;
    const float found = product(both + p * rows * 32 + (SYMMETRIC ? g_rows * 32 : 0), both + q * rows * 32, g_rows, lane);
    pq = lane == k ? found : pq;
  }
  const uint2 own = places_that_meet<BLOCK>(lane % BLOCK, step, within);
  const float pp = simd_shuffle(squares, ushort(own.x));
  const float qq = simd_shuffle(squares, ushort(own.y));
  // Of the cosine between two columns its square, in an order that doesn't underflow where both are short.
  const bool is_open = SYMMETRIC ? fabs(pq) > threshold : (pq / pp) * (pq / qq) > threshold * threshold;
  const float zeta = (qq - pp) / (2.0f * pq);
  const float tangent = copysign(1.0f, zeta) / (fabs(zeta) + sqrt(fma(zeta, zeta, 1.0f)));
  const float cosine = 1.0f / sqrt(fma(tangent, tangent, 1.0f));
  const float sine = is_open ? cosine * tangent : 0.0f;
  const uint place = lane % (2 * BLOCK);
  const ushort pair = ushort(pair_of<BLOCK>(place, step, within));
  const float given = simd_shuffle(is_open ? tangent * pq : 0.0f, pair);
  squares += simd_shuffle(own.x, pair) == place ? -given : given;
  for (uint k = 0; k < BLOCK; ++k) {
    const float sine_k = simd_broadcast(sine, k);
    if (sine_k == 0.0f) continue;
    const float cosine_k = simd_broadcast(cosine, k);
    const uint2 met = places_that_meet<BLOCK>(k, step, within);
    turn(both + column_at<BLOCK>(met.x, blocks) * rows * 32, both + column_at<BLOCK>(met.y, blocks) * rows * 32, cosine_k, sine_k, rows, lane);
  }
  seen.turns += is_open ? 1 : 0;
  seen.product = max(seen.product, fabs(pq));
  seen.sine = max(seen.sine, fabs(sine));
}
//// body
const uint columns = size[0];
const uint height = size[1];
const uint matrix = threadgroup_position_in_grid.x;
const uint index = thread_position_in_threadgroup.x;
const uint lane = index % 32;
const uint simdgroup = index / 32;
constexpr uint SIMDGROUPS = THREADS / 32;
const uint g_rows = (height + 31) / 32;
const uint v_rows = (columns + 31) / 32;
const ulong start = ulong(matrix) * columns * height;
const uint width = (g_rows + v_rows) * 32;
device float* both = g_and_v + ulong(matrix) * columns * width;
threadgroup float largest_of[SIMDGROUPS];
threadgroup float squares_of[SIMDGROUPS];
float largest = 0.0f;
for (uint j = simdgroup; j < columns; j += SIMDGROUPS) {
  for (uint i = lane; i < (SYMMETRIC ? j + 1 : height); i += 32) {
    const float x = fabs(a[start + j * height + i]);
    largest = max(largest, x < INFINITY ? x : INFINITY);
  }
}
largest = simd_max(largest);
if (lane == 0) largest_of[simdgroup] = largest;
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint s = 0; s < SIMDGROUPS; ++s) largest = max(largest, largest_of[s]);
const float unit = largest == 0.0f ? 1.0f : (largest < INFINITY ? largest : NAN);

float squares = 0.0f;
for (uint j = simdgroup; j < columns; j += SIMDGROUPS) {
  for (uint i = height + lane; i < width; i += 32) both[j * width + i] = i == g_rows * 32 + j ? 1.0f : 0.0f;
  for (uint i = lane; i < (SYMMETRIC ? j + 1 : height); i += 32) {
    const float x = a[start + j * height + i] / unit;
    both[j * width + i] = x;
    if (SYMMETRIC) both[i * width + j] = x;
    squares = fma(SYMMETRIC && i < j ? 2.0f * x : x, x, squares);
  }
}
squares = simd_sum(squares);
if (lane == 0) squares_of[simdgroup] = squares;
threadgroup_barrier(mem_flags::mem_threadgroup);
squares = 0.0f;
for (uint s = 0; s < SIMDGROUPS; ++s) squares += squares_of[s];
// SYMMETRIC: the rounding of an element of v^T A v, and less than what all of them may add up to in |A v - v w|.
const float threshold = SYMMETRIC ? 4.0f * EPS * sqrt(squares / columns) : EPS * max(4.0f, sqrt(float(height)));

threadgroup Seen seen_by[SIMDGROUPS];
const uint players = (columns + 2 * BLOCK - 1) / (2 * BLOCK) * 2;
uint sweep = 0;
bool is_done = false;
while (sweep < size[2] && !is_done) {
  Seen seen = {0, 0.0f, 0.0f};
  for (uint round = 0; round + 1 < players; ++round) {
    threadgroup_barrier(mem_flags::mem_device);
    for (uint pair = simdgroup; pair < players / 2; pair += SIMDGROUPS) {
      const uint2 blocks = players_that_meet(pair, round, players);
      float squares = squares_of_blocks<SYMMETRIC, BLOCK>(both, g_rows, v_rows, columns, blocks, lane);
      for (uint step = 0; step < (round == 0 ? 2 * BLOCK - 1 : BLOCK); ++step) {
        turn_pairs<SYMMETRIC, BLOCK>(both, g_rows, v_rows, columns, threshold, step, blocks, round == 0, lane, squares, seen);
      }
    }
  }
  seen = {simd_sum(seen.turns), simd_max(seen.product), simd_max(seen.sine)};
  if (lane == 0) seen_by[simdgroup] = seen;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = 0; s < SIMDGROUPS; ++s) {
    const Seen other = seen_by[s];
    seen = {s == 0 ? other.turns : seen.turns + other.turns, max(seen.product, other.product), max(seen.sine, other.sine)};
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  // A product that was made 0 comes back by the sines of what turned its columns later, fewer than 2 * columns times. Where that stays
  // below sqrt(columns) thresholds, all of them together stay below 4 columns eps |A|, and the next sweep would find next to nothing.
  // (Cosines between columns of different lengths may grow by more.)
  is_done = seen.turns == 0 || (SYMMETRIC && 2.0f * sqrt(float(columns)) * seen.sine * seen.product <= threshold);
  ++sweep;
}
if (index == 0) {
  scale[matrix] = unit;
  sweeps[matrix] = sweep;
}
