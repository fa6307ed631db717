// Sums over all pairs of neurons and data rows, for small d: the twin of reference/interaction.py.
//
//   f_k = sum_j c_j s(w_j.x_k),    h_j = sum_k e_k s(w_j.x_k),   g_j = sum_k e_k s'(w_j.x_k) x_k
//
// A thread keeps OWN items in registers, spaced by the block; the others stream past in shared
// memory, packed so that 16 bytes hold one component of several. No pair is stored. The sums run
// over TILE items in `real` and beyond in double; block (., s) takes the s-th part of them, and
// the parts are added in order by `finish_*`. points (neurons, d), data (rows, d).
//
// Where the sign of z matters, it is that of unit vectors less PAIR_TIE, at which their product
// starts: no instruction more. The sign of |z|' is the sign bit of PAIR_TIE - z, which is never -0.

struct alignas(16) Pack {
  real at[16 / sizeof(real)];
};

constexpr int WIDTH = 16 / sizeof(real);
constexpr int PAIR_THREADS = 256;
constexpr int TILE = PAIR_THREADS;  // each loads one
constexpr int OWN = (DIMENSION <= 4 ? 4 : 2) / (sizeof(real) / 4);
// Blocks of a multiprocessor: two bound a thread to 128 registers, and some need more.
constexpr int RESIDENT = sizeof(real) == 8 || DIMENSION > (DEGREE > 0 ? 4 : 3) ? 1 : 2;
constexpr int GROUP = DEGREE > 0 ? 4 : 2;  // packs of one turn, forward
constexpr int GRADIENT_ONLY = DEGREE > 0;
constexpr int SUMS = DIMENSION + 1 - GRADIENT_ONLY;  // g, and h where no gradient gives it

__device__ __forceinline__ float with_sign(float x, float z) {
  return __int_as_float(__float_as_int(x) ^ (__float_as_int(z) & 0x80000000));
}
__device__ __forceinline__ double with_sign(double x, double z) {
  const long long sign = (long long)(1ULL << 63);
  return __longlong_as_double(__double_as_longlong(x) ^ (__double_as_longlong(z) & sign));
}

// An item, of length one where that is asked for; its length.
__device__ __forceinline__ double item_of(const double *items, int at, bool unit, real *own) {
  double x[DIMENSION], square = 0;
#pragma unroll
  for (int i = 0; i < DIMENSION; i++) {
    x[i] = items[(size_t)at * DIMENSION + i];
    square += x[i] * x[i];
  }
  const double length = unit && square > 0 ? sqrt(square) : 1;
#pragma unroll
  for (int i = 0; i < DIMENSION; i++) own[i] = (real)(x[i] / length);
  return length;
}

// TILE items from `start`, up to `end`, with one weight each; what is beyond weighs nothing.
__device__ __forceinline__ void load_tile(Pack *tile, const double *items, const double *weights,
                                          int start, int end, bool unit) {
  const int item = threadIdx.x, at = start + item;
  Pack *first = tile + item / WIDTH * (DIMENSION + 1);
  real x[DIMENSION] = {}, weight = 0;
  if (at < end) {
    const double length = item_of(items, at, unit, x);
    weight = (real)(UNIT_VALUES ? weights[at] : weights[at] * length);
  }
#pragma unroll
  for (int i = 0; i < DIMENSION; i++) first[i].at[item % WIDTH] = x[i];
  first[DIMENSION].at[item % WIDTH] = weight;
}

// Packs of a tile that hold the next `items`, in whole groups.
__device__ __forceinline__ int rounded(int items, int group) {
  return (min(TILE, items) + group * WIDTH - 1) / (group * WIDTH) * group;
}

// start + own.other, of an item and the lane-th item of packs
__device__ __forceinline__ real product(const real *own, const Pack *other, int lane,
                                        real start = 0) {
  real z = start;
#pragma unroll
  for (int i = 0; i < DIMENSION; i++) z = fma(own[i], other[i].at[lane], z);
  return z;
}

// partial (splits, rows)
extern "C" __global__ void __launch_bounds__(PAIR_THREADS, RESIDENT)
    pair_forward(const double *__restrict__ points, const double *__restrict__ weights, int neurons,
                 int per_split, const double *__restrict__ data, int rows,
                 const real *__restrict__ parameters, int knots, double *__restrict__ partial) {
  __shared__ Pack tile[TILE / WIDTH * (DIMENSION + 1)];
  const int base = blockIdx.x * PAIR_THREADS * OWN + threadIdx.x;
  const int begin = blockIdx.y * per_split, end = min(neurons, begin + per_split);
  real x[OWN][DIMENSION];
  double total[OWN];
#pragma unroll
  for (int m = 0; m < OWN; m++) {
    total[m] = 0;
    item_of(data, min(base + m * PAIR_THREADS, rows - 1), UNIT_VALUES, x[m]);
  }
  for (int start = begin; start < end; start += TILE) {
    __syncthreads();
    load_tile(tile, points, weights, start, end, UNIT_VALUES);
    __syncthreads();
    const int packs = rounded(end - start, GROUP);
    real sum[OWN];
#pragma unroll
    for (int m = 0; m < OWN; m++) sum[m] = 0;
#pragma unroll 1
    for (int group = 0; group < packs; group += GROUP)
#pragma unroll
      for (int p = group; p < group + GROUP; p++) {
        Pack w[DIMENSION + 1];
#pragma unroll
        for (int i = 0; i <= DIMENSION; i++) w[i] = tile[p * (DIMENSION + 1) + i];
#pragma unroll
        for (int lane = 0; lane < WIDTH; lane++)
#pragma unroll
          for (int m = 0; m < OWN; m++) {
            real value, slope;
            remainder_of(product(x[m], w, lane), parameters, knots, value, slope);
            sum[m] = fma(w[DIMENSION].at[lane], value, sum[m]);
          }
      }
#pragma unroll
    for (int m = 0; m < OWN; m++) total[m] += sum[m];
  }
#pragma unroll
  for (int m = 0; m < OWN; m++) {
    const int row = base + m * PAIR_THREADS;
    if (row < rows) partial[(size_t)blockIdx.y * rows + row] = total[m];
  }
}

// partial (splits, SUMS, neurons)
extern "C" __global__ void __launch_bounds__(PAIR_THREADS, RESIDENT)
    pair_backward(const double *__restrict__ data, const double *__restrict__ residual, int rows,
                  int per_split, const double *__restrict__ points, int neurons,
                  const real *__restrict__ parameters, int knots, double *__restrict__ partial) {
  __shared__ Pack tile[TILE / WIDTH * (DIMENSION + 1)];
  const int base = blockIdx.x * PAIR_THREADS * OWN + threadIdx.x;
  const int begin = blockIdx.y * per_split, end = min(rows, begin + per_split);
  constexpr int SIGNED = REMAINDER == ABS ? -1 : 1;
  real w[OWN][DIMENSION];
  double total[OWN][SUMS];
#pragma unroll
  for (int m = 0; m < OWN; m++) {
    item_of(points, min(base + m * PAIR_THREADS, neurons - 1), UNIT_SLOPES, w[m]);
#pragma unroll
    for (int i = 0; i < DIMENSION; i++) w[m][i] *= SIGNED;
#pragma unroll
    for (int i = 0; i < SUMS; i++) total[m][i] = 0;
  }
  for (int start = begin; start < end; start += TILE) {
    __syncthreads();
    load_tile(tile, data, residual, start, end, UNIT_SLOPES);
    __syncthreads();
    const int packs = rounded(end - start, 2);
    real sum[OWN][SUMS];
#pragma unroll
    for (int m = 0; m < OWN; m++)
#pragma unroll
      for (int i = 0; i < SUMS; i++) sum[m][i] = 0;
#pragma unroll 1
    for (int group = 0; group < packs; group += 2)
#pragma unroll
      for (int p = group; p < group + 2; p++) {
        Pack x[DIMENSION + 1];
#pragma unroll
        for (int i = 0; i <= DIMENSION; i++) x[i] = tile[p * (DIMENSION + 1) + i];
#pragma unroll
        for (int lane = 0; lane < WIDTH; lane++)
#pragma unroll
          for (int m = 0; m < OWN; m++) {
            const real e = x[DIMENSION].at[lane];
            const real z = product(w[m], x, lane, REMAINDER == ABS ? PAIR_TIE : (real)0);
            real value = 0, slope, pull;
            if (REMAINDER == ABS) {
              pull = with_sign(e, z);  // -e |.|'
            } else {
              remainder_of(z, parameters, knots, value, slope);
              pull = e * slope;
            }
#pragma unroll
            for (int i = 0; i < DIMENSION; i++) sum[m][i] = fma(pull, x[i].at[lane], sum[m][i]);
            if (!GRADIENT_ONLY) sum[m][SUMS - 1] = fma(e, value, sum[m][SUMS - 1]);
          }
      }
#pragma unroll
    for (int m = 0; m < OWN; m++)
#pragma unroll
      for (int i = 0; i < SUMS; i++) total[m][i] += SIGNED * sum[m][i];
  }
#pragma unroll
  for (int m = 0; m < OWN; m++) {
    const int neuron = base + m * PAIR_THREADS;
    if (neuron < neurons)
#pragma unroll
      for (int i = 0; i < SUMS; i++)
        partial[((size_t)blockIdx.y * SUMS + i) * neurons + neuron] = total[m][i];
  }
}
