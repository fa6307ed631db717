// Sums along lines of points: the twin of reference/lines.py. N^(d-2) n pairs of line and row.
//
//   f_k = sum_j c_j s(v_j.x_k),    g_j = sum_k e_k s'(v_j.x_k) x_k,    s = |.| or sign
//
// Along a line v = X/|X|, X = p + t q, and v.x has the sign of q.x (t - tau), tau = -p.x / q.x,
// which is affine in the coordinates of a line with coefficients of the row: `reach`, in double.
// With r the number of nodes up to tau, P_i a sum over the first i nodes, T over all of a line,
//
//   f_k = sum_lines 2 |q.x| (QB[r] - tau QA[r]),   Q = T/2 - P,   A of c/|X| and B of c t/|X|
//   g_i = 2 prefix_i - total of the bins,          bins[r] += sign(q.x) e x
//
// and for sign the same of c and of e alone. A lane is a line: each has a column of a table to
// itself, in a bank of its own, so gathers and integer atomics never conflict. A block takes 32
// GROUPS lines and a part of the rows. Bins are integers, at a power of two of that part by which
// no sum overflows: integers commute, so the order of the threads does not matter. In double a bin
// is two words, of 30 and of LOW bits.
//
// Which node is next to tau is told by P (line_tables.py), in float; one comparison decides. Ties
// are decided in double, moved as in the twin, in either type: where sums are float, tau is float
// first, and what is nearer to a node than its rounding is left `pending` for double. The forward
// sum of |.| does not jump, and ROUNDED takes the nearest node as it comes.

#ifndef DYN_SHARED
#define DYN_SHARED(T, name)                        \
  alignas(16) extern __shared__ T name##_shared[]; \
  T *name = name##_shared
#endif

constexpr int LINE_THREADS = 256, WARPS = LINE_THREADS / 32;
constexpr bool NARROW = sizeof(real) == 4;
constexpr int COEFFICIENTS = DIMENSION - 1;  // of tau: 1 and the coordinates of a line
constexpr double SMALLEST = 1e-30;           // |q.x| of a unit row, as in the twin
constexpr float MAGIC = 8388608.f;           // 2^23: what is added to it is rounded
constexpr int MAGIC_BITS = 0x4B000000;

// A row of `groups`.
struct Group {
  int window, bundle, base, first, lines, nodes, node, point;
};

// P of a window: u = (tau - low) per.
struct Cells {
  double low, per;
  float term[TERMS];
};

// The same in all lanes, which lets the compiler keep what depends on it once a warp.
__device__ __forceinline__ int this_warp() { return __shfl_sync(ALL, (int)threadIdx.x / 32, 0); }

// u as __saturatef(fmaf(x, y, z)), which is not compiled to one instruction.
__device__ __forceinline__ float saturated(float x, float y, float z) {
#ifdef __CUDA_ARCH__
  float u;
  asm("fma.rn.ftz.sat.f32 %0, %1, %2, %3;" : "=f"(u) : "f"(x), "f"(y), "f"(z));
  return u;
#else
  return __saturatef(fmaf(x, y, z));
#endif
}

__device__ __forceinline__ Group group_of(const int *groups) {
  const int *at = groups + 8 * blockIdx.x;
  return {at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]};
}

__device__ __forceinline__ Cells cells_of(const double *cells, int window) {
  const double *at = cells + (size_t)window * (2 + TERMS);
  Cells found = {at[0], at[1]};
#pragma unroll
  for (int i = 0; i < TERMS; i++) found.term[i] = (float)at[2 + i];
  return found;
}

// The c of P(u) in [c, c + 1), and MAGIC_BITS with it: arrays indexed by it start so much earlier.
__device__ __forceinline__ int cell_bits(const Cells &cells, float u) {
  float p = cells.term[TERMS - 1];
#pragma unroll
  for (int i = TERMS - 2; i >= 0; i--) p = fmaf(p, u, cells.term[i]);
  return __float_as_int(__fmaf_rd(p, u, MAGIC));
}

// How many nodes are <= tau.
__device__ __forceinline__ int nodes_to(double tau, const double *nodes, const Cells &cells) {
  const float u = __saturatef((float)((tau - cells.low) * cells.per));
  const int cell = cell_bits(cells, u) - MAGIC_BITS;
  return cell + (tau >= nodes[cell]);
}

// The line of a lane: coordinates, and the length of X at its longer end.
__device__ __forceinline__ void line_of(const double *bases, const Group &group, int line,
                                        double *base) {
  const size_t at = group.base + min(group.first + line, group.lines - 1);
#pragma unroll
  for (int i = 0; i < COEFFICIENTS; i++) base[i] = bases[at * COEFFICIENTS + i];
}

__device__ __forceinline__ double tau_of(const double *reach, const double *base) {
  double tau = reach[0];
#pragma unroll
  for (int i = 0; i < COEFFICIENTS - 1; i++) tau = fma(reach[1 + i], base[i], tau);
  return tau;
}
