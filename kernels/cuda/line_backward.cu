// Sums over rows at every point of the lines; see nodes.cu and bins.cu.

// reach (bundles, rows, d): of tau, and of its move by a tie; pulls (bundles, rows): q.x
extern "C" __global__ void line_rows(const double *__restrict__ data, int rows,
                                     const double *__restrict__ frames, int bundles,
                                     double *__restrict__ reach, double *__restrict__ pulls) {
  const int item = blockIdx.x * blockDim.x + threadIdx.x, row = item % rows, bundle = item / rows;
  if (bundle >= bundles) return;
  double seen[DIMENSION] = {}, square = 0;
  for (int j = 0; j < DIMENSION; j++) {
    const double x = data[(size_t)row * DIMENSION + j];
    square += x * x;
    for (int i = 0; i < DIMENSION; i++)
      seen[i] += frames[(bundle * DIMENSION + i) * DIMENSION + j] * x;
  }
  const double length = sqrt(square), unit = length > 0 ? length : 1;
  const double along = seen[1] / unit, slope = fabs(along) < SMALLEST ? SMALLEST : along;
  double *out = reach + (size_t)item * DIMENSION;
  out[0] = -seen[0] / unit / slope;
  for (int i = 2; i < DIMENSION; i++) out[i - 1] = -seen[i] / unit / slope;
  out[DIMENSION - 1] = TIE / slope;
  pulls[item] = slope * length;
}

// Four rows that are found in float: where what they add goes, as bytes from the first bin, and how
// near the nearest node is to one of them.
__device__ __forceinline__ float four_found(const Rows &rows, const float *steps,
                                            const Cells &cells, const float (&line)[COEFFICIENTS],
                                            unsigned (&at)[4]) {
  constexpr unsigned STEP = sizeof(float), STRIDE = ROW * sizeof(int);
  constexpr unsigned FIRST = (unsigned)MAGIC_BITS * STEP;
  const unsigned column = threadIdx.x % 32 * sizeof(int) - (unsigned)MAGIC_BITS * STRIDE;
  float least;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    float u = rows.at[0][k];
#pragma unroll
    for (int i = COEFFICIENTS - 1; i > 1; i--) u = fmaf(rows.at[i][k], line[i - 1], u);
    u = COEFFICIENTS > 1 ? saturated(rows.at[COEFFICIENTS > 1][k], line[0], u) : __saturatef(u);
    const unsigned cell = cell_bits(cells, u);
    const float beyond = u - *(const float *)((const char *)steps + (cell * STEP - FIRST));
    least = k ? fminf(least, fabsf(beyond)) : fabsf(beyond);
    at[k] = cell * STRIDE + column;
    if (beyond >= 0) at[k] += STRIDE;
  }
  return least;
}

// 32 rows of a warp, in float; of every four, whether they must be found in double instead.
__device__ __forceinline__ unsigned gathered(const Rows *tile, const float *steps,
                                             const Cells &cells, const float (&line)[COEFFICIENTS],
                                             unsigned *bins) {
  unsigned pending = 0;
#pragma unroll 1
  for (int half = 0; half < 2; half++, tile += 4) {
    pending <<= 4;  // the first half ends in the upper bits
#pragma unroll
    for (int four = 0; four < 4; four++) {
      const Rows &rows = tile[four];
      unsigned at[4];
      const float least = four_found(rows, steps, cells, line, at);
      if (__any_sync(ALL, least <= rows.near[0])) {
        pending |= 1u << four;
        continue;
      }
      unsigned moved[ENTRIES][4];
#pragma unroll
      for (int i = 0; i < ENTRIES; i++)
#pragma unroll
        for (int k = 0; k < 4; k++) moved[i][k] = rows.moved[i][k];
#pragma unroll
      for (int k = 0; k < 4; k++)
#pragma unroll
        for (int i = 0; i < ENTRIES; i++)
          atomicAdd((unsigned *)((char *)(bins + 32 * i) + at[k]), moved[i][k]);
    }
  }
  return pending;
}

// The rows that are left of them, in double.
__device__ __forceinline__ void searched(unsigned pending, const Rows *tile, const double *reach,
                                         int start, int rows, const double *nodes,
                                         const Cells &cells, const double (&base)[COEFFICIENTS],
                                         unsigned *column) {
  for (; pending; pending &= pending - 1) {
    const int four = (__ffs(pending) - 1) ^ 4;
    for (int k = 0; k < 4; k++) {
      const double *at = reach + (size_t)min(start + 4 * four + k, rows - 1) * DIMENSION;
      const double tau = tau_of(at, base), tie = at[DIMENSION - 1] * base[COEFFICIENTS - 1];
      for (int side = 3 - 2 * TIES; side <= 1; side += 2) {
        unsigned *bin = column + nodes_to(tau + side * tie, nodes, cells) * ROW;
        for (int i = 0; i < ENTRIES; i++) atomicAdd(bin + 32 * i, tile[four].moved[i][k]);
      }
    }
  }
}

// part (parts, SUMS, points), scales (parts,): what a unit of it is worth. Shared memory:
// unsigned[nodes + 1][ROW], Rows[WARPS][8], double[WARPS], fixed[WARPS][SUMS][32], float[nodes].
extern "C" __global__ void __launch_bounds__(LINE_THREADS, NARROW ? 2 : 1)
    line_backward(const int *__restrict__ groups, const double *__restrict__ nodes,
                  const double *__restrict__ cells, const double *__restrict__ bases,
                  const double *__restrict__ reach, const double *__restrict__ pulls,
                  const double *__restrict__ data, const double *__restrict__ residual, int rows,
                  int first, int per_part, int points, fixed *__restrict__ parts,
                  double *__restrict__ scales) {
  const Group group = group_of(groups);
  const int lane = threadIdx.x % 32, warp = this_warp();
  DYN_SHARED(unsigned, bins);
  unsigned *column = bins + lane;
  Rows *tiles = (Rows *)(bins + (group.nodes + 1) * ROW);
  double *sums = (double *)(tiles + LINE_THREADS / 4);
  fixed *shares = (fixed *)(sums + WARPS);
  float *steps = (float *)(shares + LINE_THREADS * SUMS);
  Rows *tile = tiles + warp * 8;

  nodes += group.node, reach += (size_t)group.bundle * rows * DIMENSION;
  pulls += (size_t)group.bundle * rows;
  const Cells found = cells_of(cells, group.window);
  double base[COEFFICIENTS];
  float line[COEFFICIENTS];
  line_of(bases, group, lane, base);
  const double longest = warp_largest(base[COEFFICIENTS - 1]);
#pragma unroll
  for (int i = 0; i < COEFFICIENTS; i++) line[i] = (float)base[i];
  for (int i = threadIdx.x; i < (group.nodes + 1) * ROW; i += LINE_THREADS) bins[i] = 0;
  for (int i = threadIdx.x; i < group.nodes; i += LINE_THREADS)
    steps[i] = (float)((nodes[i] - found.low) * found.per);
  const int part = first + blockIdx.y * per_part, end = min(rows, part + per_part);
  const double scale = scale_of(sums, data, residual, part, end);
  if (blockIdx.x == 0 && threadIdx.x == 0)
    scales[blockIdx.y] = 1.0 / TIES / scale;

  for (int start = part + warp * 32; start < end; start += LINE_THREADS) {
    const size_t row = min(start + lane, rows - 1);
    const double e = start + lane < end && scale > 0 ? residual[row] * scale : 0;
    __syncwarp();
    move(tile[lane / 4], lane % 4, data + row * DIMENSION, e, pulls[row]);
    if constexpr (FLOATING)
      reach_of(tile[lane / 4], lane % 4, reach + row * DIMENSION, found, longest, group.nodes);
    __syncwarp();
    unsigned pending = 0xff;
    if constexpr (FLOATING) pending = gathered(tile, steps, found, line, bins);
    searched(pending, tile, reach, start, rows, nodes, found, base, column);
  }
  __syncthreads();

  const int share = (group.nodes + WARPS) / WARPS;
  const int begin = min(group.nodes + 1, warp * share), stop = min(group.nodes + 1, begin + share);
#pragma unroll
  for (int i = 0; i < SUMS; i++) {
    fixed sum = 0;
    for (int node = begin; node < stop; node++) sum += bin_of(column + node * ROW, i);
    shares[(warp * SUMS + i) * 32 + lane] = sum;
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < SUMS; i++) {
    fixed before = 0, total = 0;
    for (int v = 0; v < WARPS; v++) {
      if (v == warp) before = total;
      total += shares[(v * SUMS + i) * 32 + lane];
    }
    for (int node = begin; node < min(stop, group.nodes); node++) {
      before += bin_of(column + node * ROW, i);
      if (group.first + lane < group.lines)
        parts[((size_t)blockIdx.y * SUMS + i) * points + group.point + (size_t)node * group.lines +
              group.first + lane] = before - (total - before);
    }
  }
}

// out (points,), gradients (points, d): the parts, added in their order, and to those `before`.
extern "C" __global__ void finish_lines(const fixed *__restrict__ parts,
                                        const double *__restrict__ scales, int count, int before,
                                        const int *__restrict__ stations,
                                        const double *__restrict__ positions, int points,
                                        double *__restrict__ out, double *__restrict__ gradients) {
  const int place = blockIdx.x * blockDim.x + threadIdx.x;
  if (place >= points) return;
  const size_t station = stations[place];
  double along = 0;
  for (int i = 0; i < SUMS; i++) {
    double *sum = REMAINDER == ABS ? gradients + station * DIMENSION + i : out + station;
    double total = before ? *sum : 0;
    for (int part = 0; part < count; part++)
      total += scales[part] * (double)parts[((size_t)part * SUMS + i) * points + place];
    *sum = total, along += positions[station * DIMENSION + i] * total;
  }
  if (REMAINDER == ABS)
    out[station] = along;
  else
    for (int i = 0; i < DIMENSION; i++) gradients[station * DIMENSION + i] = 0;
}
