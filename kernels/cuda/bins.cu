// Integer sums over rows, one bin between any two nodes of a line; see nodes.cu.

constexpr int SUMS = REMAINDER == ABS ? DIMENSION : 1;  // of a point
constexpr int TIES = REMAINDER == ABS ? 1 : 2;          // at which a row is counted
constexpr int WORDS = NARROW ? 1 : 2, LOW = 23 - TIES;  // 2^LOW x TIES x rows of a part <= 2^32
constexpr int BITS = NARROW ? 30 : 30 + LOW;            // of a sum over a part of the rows
constexpr int ENTRIES = SUMS * WORDS, ROW = ENTRIES * 32;
constexpr bool FLOATING = NARROW && REMAINDER == ABS;  // whether nodes are found in float first
constexpr double SLACK = 0.01;                         // half the margin of P, in cells

template <int SIZE>
struct Bin {
  typedef long long sum;
};
template <>
struct Bin<4> {
  typedef int sum;
};
typedef Bin<sizeof(real)>::sum fixed;

// A power of two by which the sum of all |e| max|x| of a part is below 2^BITS; the same in a block.
__device__ __forceinline__ double scale_of(double *sums, const double *data, const double *residual,
                                           int begin, int end) {
  double sum = 0;
  for (int row = begin + threadIdx.x; row < end; row += LINE_THREADS) {
    double most = REMAINDER == ABS ? 0 : TIES;
    for (int i = 0; i < (REMAINDER == ABS ? DIMENSION : 0); i++)
      most = larger(most, fabs(data[(size_t)row * DIMENSION + i]));
    sum += fabs(residual[row]) * most;
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  sum = 0;
  for (int warp = 0; warp < WARPS; warp++) sum += sums[warp];
  if (!(sum - sum == 0)) return sum - sum;  // what is no number stays none
  const int exponent = (int)(__double_as_longlong(sum) >> 52) - 1022;  // sum < 2^exponent
  return ldexp(1.0, min(BITS - exponent, 1000));
}

// Four rows, an entry of all four together. u = at . (1, coordinates); near : where a node is
// nearer to one of them than that, u must be found in double; moved : what they add to a bin, word
// by word.
struct alignas(16) Rows {
  float at[COEFFICIENTS][4];
  unsigned moved[ENTRIES][4];
  float near[4];
};

__device__ __forceinline__ void move(Rows &rows, int k, const double *x, double residual,
                                     double pull) {
  const double e = pull < 0 ? -residual : residual;
#pragma unroll
  for (int i = 0; i < SUMS; i++) {
    const double product = rint(REMAINDER == ABS ? e * x[i] : e);
    if (NARROW) {
      rows.moved[i][k] = (unsigned)(int)product;
    } else {
      const long long whole = (long long)product;
      rows.moved[WORDS * i][k] = (unsigned)(whole >> LOW);
      rows.moved[WORDS * i + WORDS - 1][k] = (unsigned)(whole & ((1 << LOW) - 1));
    }
  }
}

__device__ __forceinline__ fixed bin_of(const unsigned *bins, int sum) {
  const fixed word = (int)bins[32 * WORDS * sum];
  return NARROW ? word : word * (1 << LOW) + bins[32 * (WORDS * sum + WORDS - 1)];
}

// Coefficients of u, and how far rounding may move it: u, its step and the difference by half an
// ulp of one each, alpha by half an ulp, each beta by two, with its coordinate, each partial sum by
// one. Infinite where P would err with it.
__device__ __forceinline__ void reach_of(Rows &rows, int k, const double *reach, const Cells &cells,
                                         double longest, int nodes) {
  const double alpha = (reach[0] - cells.low) * cells.per;
  double sum = fabs(alpha), most = sum + 3;
  rows.at[0][k] = (float)alpha;
#pragma unroll
  for (int i = COEFFICIENTS - 1; i > 0; i--) {
    const double beta = reach[i] * cells.per;
    rows.at[i][k] = (float)beta;
    sum += fabs(beta);
    most += 2 * fabs(beta) + (i > 1 ? sum : 0);
  }
  const double ties = fabs(reach[DIMENSION - 1]) * longest * cells.per;
  double near = most * 0x1p-24 + ties;
  for (int step = 1; step < 4; step <<= 1) near = larger(near, __shfl_xor_sync(ALL, near, step));
  rows.near[k] = near * 2 * nodes < SLACK ? (float)near : 2;
}
