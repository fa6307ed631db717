// Transport along the a axis, between closed walls: the twin of reference/outer.py and of the last
// part of reference/transport.py.
//
// The departures of a column's states from its cells (half slopes; of WENO, the state ahead) are
// balanced: the larger of their positive and negative sums is scaled down to the smaller, so that
// they add up to 0. `balance` (directions, 2) holds the two factors.

constexpr int MARGIN = REACH + 1;

// The cells beside those that a thread has, `own` from cell a on, at line[MARGIN]; beyond the walls
// 0, and for MUSCL the wall's own value again, so that its slope there is 0.
template <int HAD>
__device__ __forceinline__ void read_margins(const real *own, int a, int count, real *line) {
#pragma unroll
  for (int k = 1; k <= MARGIN; k++) {
#if SCHEME == 1
    line[MARGIN - k] = own[-min(k, a)];
    line[MARGIN + HAD - 1 + k] = own[min(HAD - 1 + k, count - 1 - a)];
#else
    line[MARGIN - k] = a >= k ? own[-k] : (real)0;
    line[MARGIN + HAD - 1 + k] = a + HAD - 1 + k < count ? own[HAD - 1 + k] : (real)0;
#endif
  }
}

// By how much a state on a face departs from cell a = line[at], before balance: the half slope, or
// of WENO, where the flow goes up (down), the state above (below). 0 at the walls.
__device__ __forceinline__ real departing(Sides own, const real *line, int at, int a, int count,
                                          bool rising) {
#if SCHEME == 0
  return 0;
#elif SCHEME == 1
  return half_slope(line[at - 1], line[at], line[at + 1]);  // beyond a wall is the cell again
#else
  if (a <= 0 || a >= count - 1) return 0;
  return rising ? own.above - line[at] : line[at] - own.below;
#endif
}

// One warp a column. outer (directions,): the sign of the flow.
extern "C" __global__ void outer_balance(const real *__restrict__ rho,
                                         const real *__restrict__ outer, int directions, int count,
                                         real *__restrict__ balance) {
  const int direction = item();
  if (direction >= directions) return;
  const bool rising = outer[direction] > 0;
  const real *column = rho + (size_t)direction * count;
  double up = 0, down = 0;
  for (int a = threadIdx.x; a < count; a += 32) {
    real line[1 + 2 * MARGIN];
    line[MARGIN] = column[a];
    read_margins<1>(column + a, a, count, line);
    const real own = departing(sides(line, MARGIN), line, MARGIN, a, count, rising);
    up += larger(own, (real)0), down -= smaller(own, (real)0);
  }
  up = warp_sum(up), down = warp_sum(down);
  if (threadIdx.x) return;
  const double least = smaller(up, down);
  balance[2 * direction] = (real)(up > 0 ? least / up : 0);
  balance[2 * direction + 1] = (real)(down > 0 ? least / down : 0);
}

// `varied`: the speed is not one a column, and then WENO's states are as they are.
__device__ __forceinline__ bool is_balanced(bool varied) {
  return SCHEME == 1 || (SCHEME == 2 && !varied);
}
__device__ __forceinline__ Sides balanced(real q, real departure, real up, real down) {
  departure *= departure < 0 ? down : up;
  return {q - departure, q + departure};
}

// The states of cell a = line[at] on its two faces.
__device__ __forceinline__ Sides sides_in_column(const real *line, int at, int a, int count,
                                                 bool rising, bool varied, real up, real down) {
  const Sides own = sides(line, at);
  if (!is_balanced(varied)) return own;
  return balanced(line[at], departing(own, line, at, a, count, rising), up, down);
}
