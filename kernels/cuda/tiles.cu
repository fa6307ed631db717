// The sums of pairs.cu for any d, known at run time: z in tiles of a matrix product, 64 neurons x
// 32 rows, of which a thread of 256 keeps 4 x 2. Never a pair outside a block.

constexpr int NEURONS = 64, ROWS = 32, DEPTH = 16;  // of a tile; components taken at once
constexpr int TILE_THREADS = 256, RESIDENT = sizeof(real) == 8 ? 1 : 2;
constexpr int GRADIENT_ONLY = DEGREE > 0;

struct Tile {
  real w[DEPTH][NEURONS + 1], x[DEPTH][ROWS + 1];
  real inverse[NEURONS + ROWS];  // of the lengths; 0 for 0
};

// z[i][q] of the neurons first + 16 i + ty and the rows start + 16 q + tx. Its barriers also part
// what callers keep in shared memory from one tile to the next. UNIT: of vectors of length one.
template <bool UNIT>
__device__ __forceinline__ void products(Tile &tile, const double *points, int neurons,
                                         const double *data, int rows, int dimension, int first,
                                         int start, real z[4][2]) {
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  constexpr int LOADED = DEPTH * (NEURONS + ROWS) / TILE_THREADS;
  real squares[LOADED] = {};
#pragma unroll
  for (int i = 0; i < 4; i++) z[i][0] = z[i][1] = 0;
  for (int p = 0; p < dimension; p += DEPTH) {
    const bool last = p + DEPTH >= dimension;
#pragma unroll
    for (int load = 0; load < LOADED; load++) {
      const int i = threadIdx.x + load * TILE_THREADS;
      const int k = i % DEPTH, at = i / DEPTH, component = p + k;
      const bool neuron = at < NEURONS;
      const int index = neuron ? first + at : start + at - NEURONS;
      const bool there = component < dimension && index < (neuron ? neurons : rows);
      const double *from = neuron ? points : data;
      const real value = there ? (real)from[(size_t)index * dimension + component] : (real)0;
      if (neuron)
        tile.w[k][at] = value;
      else
        tile.x[k][at - NEURONS] = value;
      if (!UNIT) continue;
      squares[load] += value * value;
      if (!last) continue;
      for (int reach = 8; reach; reach >>= 1)  // over k
        squares[load] += __shfl_xor_sync(ALL, squares[load], reach);
      if (k == 0) tile.inverse[at] = squares[load] > 0 ? 1 / sqrt(squares[load]) : 0;
    }
    __syncthreads();
#pragma unroll 4
    for (int k = 0; k < DEPTH; k++)
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int q = 0; q < 2; q++)
          z[i][q] = fma(tile.w[k][16 * i + ty], tile.x[k][16 * q + tx], z[i][q]);
    if (UNIT && last)
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int q = 0; q < 2; q++)
          z[i][q] *= tile.inverse[16 * i + ty] * tile.inverse[NEURONS + 16 * q + tx];
    __syncthreads();
  }
}

// A block takes 32 rows and a part of the neurons; partial (splits, rows).
extern "C" __global__ void __launch_bounds__(TILE_THREADS, RESIDENT)
    tiled_forward(const double *__restrict__ points, const double *__restrict__ weights,
                  int neurons, int per_split, const double *__restrict__ data, int rows,
                  int dimension, const real *__restrict__ parameters, int knots,
                  double *__restrict__ partial) {
  __shared__ Tile tile;
  __shared__ double parts[16][ROWS];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, start = blockIdx.x * ROWS;
  const int begin = blockIdx.y * per_split, end = min(neurons, begin + per_split);
  double total[2] = {0, 0};
  for (int first = begin; first < end; first += NEURONS) {
    real z[4][2];
    products<UNIT_VALUES>(tile, points, end, data, rows, dimension, first, start, z);
#pragma unroll
    for (int q = 0; q < 2; q++) {
      real sum = 0;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int neuron = first + 16 * i + ty;
        real value, slope;
        remainder_of(z[i][q], parameters, knots, value, slope);
        if (neuron < end) sum = fma((real)weights[neuron], value, sum);
      }
      total[q] += sum;
    }
  }
  parts[ty][tx] = total[0], parts[ty][16 + tx] = total[1];
  __syncthreads();
  if (threadIdx.x < ROWS && start + threadIdx.x < rows) {
    double sum = 0;
    for (int i = 0; i < 16; i++) sum += parts[i][threadIdx.x];
    partial[(size_t)blockIdx.y * rows + start + threadIdx.x] = sum;
  }
}

// A block takes 64 neurons, 64 components of g (blockIdx.z) and a part of the rows; the first of
// them sums h too. partial (splits, sums, neurons).
extern "C" __global__ void __launch_bounds__(TILE_THREADS, RESIDENT)
    tiled_backward(const double *__restrict__ data, const double *__restrict__ residual, int rows,
                   int per_split, const double *__restrict__ points, int neurons, int dimension,
                   const real *__restrict__ parameters, int knots, double *__restrict__ partial) {
  __shared__ Tile tile;
  __shared__ real pull[ROWS][NEURONS + 1], columns[ROWS][NEURONS + 1];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16, first = blockIdx.x * NEURONS;
  const int from = blockIdx.z * NEURONS, sums = dimension + 1 - GRADIENT_ONLY;
  const int begin = blockIdx.y * per_split, end = min(rows, begin + per_split);
  double total[4][4] = {}, h[4] = {};
  for (int start = begin; start < end; start += ROWS) {
    real z[4][2];
    products<UNIT_SLOPES>(tile, points, neurons, data, end, dimension, first, start, z);
#pragma unroll
    for (int q = 0; q < 2; q++) {
      const int row = start + 16 * q + tx;
      const real e = row < end ? (real)residual[row] : (real)0;
#pragma unroll
      for (int i = 0; i < 4; i++) {
        real value, slope;
        remainder_of(REMAINDER == ABS ? z[i][q] - PAIR_TIE : z[i][q], parameters, knots, value,
                     slope);
        pull[16 * q + tx][16 * i + ty] = e * slope;
        h[i] += e * value;
      }
    }
    for (int i = threadIdx.x; i < ROWS * NEURONS; i += TILE_THREADS) {
      const int k = i % NEURONS, row = start + i / NEURONS, component = from + k;
      const bool there = component < dimension && row < end;
      columns[i / NEURONS][k] = there ? (real)data[(size_t)row * dimension + component] : (real)0;
    }
    __syncthreads();
    real sum[4][4] = {};
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int k = 0; k < 4; k++)
          sum[i][k] = fma(pull[r][16 * i + ty], columns[r][16 * k + tx], sum[i][k]);
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int k = 0; k < 4; k++) total[i][k] += sum[i][k];
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int k = 0; k < 4; k++) {
      const int neuron = first + 16 * i + ty, component = from + 16 * k + tx;
      if (neuron < neurons && component < dimension)
        partial[((size_t)blockIdx.y * sums + component) * neurons + neuron] = total[i][k];
    }
#pragma unroll
  for (int i = 0; i < (GRADIENT_ONLY ? 0 : 4); i++) {
    for (int reach = 8; reach; reach >>= 1) h[i] += __shfl_xor_sync(ALL, h[i], reach);  // over tx
    const int neuron = first + 16 * i + ty;
    if (blockIdx.z == 0 && tx == 0 && neuron < neurons)
      partial[((size_t)blockIdx.y * sums + dimension) * neurons + neuron] = h[i];
  }
}
