// Sums over neurons on lines, for every row; see nodes.cu. Definitions: GROUPS of lines of a lane;
// ROUNDED, 1 for lines of an odd number of nodes, 2 for an even one, 0 where nodes are searched
// for.

struct alignas(2 * sizeof(real)) Pair {
  real a, b;
};

// Half of tau, of the coordinates of a line.
struct alignas(COEFFICIENTS > 2 ? 16 : 8) Row {
  float at[COEFFICIENTS > 2 ? (COEFFICIENTS + 3) / 4 * 4 : 2];
};

// Q of the lines of a block, Q[node][group of lines][lane]; A is doubled where ROUNDED.
struct Weights {
  double parts[WARPS][GROUPS][2][32];
};
__device__ __forceinline__ void weigh(Weights &shared, Pair *table, const Group &group,
                                      const double *nodes, const int *stations, const double *sizes,
                                      const double *weights, int neurons) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int share = (group.nodes + WARPS - 1) / WARPS;
  const int begin = min(group.nodes, warp * share), end = min(group.nodes, begin + share);
  for (int m = 0; m < GROUPS; m++) {
    const int line = group.first + 32 * m + lane;
    const auto weight = [&](int i) -> double {
      const size_t at = group.point + (size_t)i * group.lines + min(line, group.lines - 1);
      const int station = stations[at];
      if (line >= group.lines || station >= neurons) return 0;
      return REMAINDER == ABS ? weights[station] / sizes[at] : weights[station];
    };
    double a = 0, b = 0;
    for (int i = begin; i < end; i++) {
      const double c = weight(i);
      a += c, b += c * nodes[i];
    }
    shared.parts[warp][m][0][lane] = a, shared.parts[warp][m][1][lane] = b;
    __syncthreads();
    double total[2] = {}, before[2] = {};
    for (int v = 0; v < WARPS; v++)
      for (int i = 0; i < 2; i++) {
        if (v == warp) before[i] = total[i];
        total[i] += shared.parts[v][m][i][lane];
      }
    a = 0.5 * total[0] - before[0], b = 0.5 * total[1] - before[1];
    for (int i = begin; i < end; i++) {
      table[(i * GROUPS + m) * 32 + lane] = {(real)(ROUNDED ? 2 * a : a), (real)b};
      const double c = weight(i);
      a -= c, b -= c * nodes[i];
    }
    if (begin < end && end == group.nodes)
      table[(end * GROUPS + m) * 32 + lane] = {(real)(ROUNDED ? 2 * a : a), (real)b};
  }
  __syncthreads();
}

// Sums over the lanes, that of value[j] in lane j.
__device__ __forceinline__ float across_lanes(float (&value)[32]) {
#pragma unroll
  for (int half = 16; half; half >>= 1) {
    const bool up = threadIdx.x & half;
#pragma unroll
    for (int j = 0; j < 16; j++)
      if (j < half) {
        const float kept = up ? value[j + half] : value[j], sent = up ? value[j] : value[j + half];
        value[j] = kept + __shfl_xor_sync(ALL, sent, half);
      }
  }
  return value[0];
}

// Half of the sum for the row of this lane, of 32 rows of a warp: half of tau by its coefficients,
// and the row of the table nearest to it, by (2 / pi) atan 2 v within 6e-5, rounded. So a threshold
// is moved by up to 1.8e-4, of which a sum over neurons sees the square.
__device__ __forceinline__ double rounded(const Row *row, const Pair *table, int nodes,
                                          const double (&line)[GROUPS][COEFFICIENTS]) {
  const float n = nodes, c0 = 1.272139377325504f * n, c1 = -1.6316149646240847f * n;
  const float c2 = 2.9394776294652285f * n, c3 = -3.068991232707823f * n;
  const float middle = MAGIC + (nodes + 1) / 2;  // of an odd number, below: so much is rounded down
  const unsigned lane = threadIdx.x % 32 * sizeof(Pair);
  const unsigned start = lane - (unsigned)MAGIC_BITS * (unsigned)(GROUPS * 32 * sizeof(Pair));
  float base[GROUPS][COEFFICIENTS];
#pragma unroll
  for (int m = 0; m < GROUPS; m++)
#pragma unroll
    for (int i = 0; i < COEFFICIENTS; i++) base[m][i] = (float)line[m][i];
  float value[32];
#pragma unroll
  for (int j = 0; j < 32; j++) {
#pragma unroll
    for (int m = 0; m < GROUPS; m++) {
      float half = row[j].at[0];
#pragma unroll
      for (int i = 0; i < COEFFICIENTS - 1; i++) half = fmaf(row[j].at[1 + i], base[m][i], half);
      const float v = fminf(fmaxf(half, -0.5f), 0.5f), w = v * v;
      const float p = fmaf(fmaf(fmaf(c3, w, c2), w, c1), w, c0);
      const float place = ROUNDED == 1 ? __fmaf_rd(v, p, middle) : fmaf(v, p, middle);
      const unsigned at = (unsigned)__float_as_int(place) * (GROUPS * 32 * sizeof(Pair)) + start;
      const Pair q = *(const Pair *)((const char *)(table + 32 * m) + at);
      value[j] = fmaf(-half, q.a, m ? value[j] + q.b : q.b);
    }
  }
  return across_lanes(value);
}

// The same by the node that is found in double; for sign, the mean of those of either tie.
__device__ __forceinline__ double searched(const double *reach, int start, int rows,
                                           const Pair *table, const double *nodes,
                                           const Cells &cells,
                                           const double (&base)[GROUPS][COEFFICIENTS]) {
  const int lane = threadIdx.x % 32;
  double own = 0;
#pragma unroll 2
  for (int j = 0; j < 32; j++) {
    const double *row = reach + (size_t)min(start + j, rows - 1) * DIMENSION;
    double value = 0;
#pragma unroll
    for (int m = 0; m < GROUPS; m++) {
      const double tau = tau_of(row, base[m]);
      const double tie = row[DIMENSION - 1] * base[m][COEFFICIENTS - 1];
      const Pair q = table[(nodes_to(tau + tie, nodes, cells) * GROUPS + m) * 32 + lane];
      if (REMAINDER == ABS) {
        value += q.b - tau * q.a;
      } else {
        const Pair other = table[(nodes_to(tau - tie, nodes, cells) * GROUPS + m) * 32 + lane];
        value += 0.5 * ((double)q.a + other.a);
      }
    }
    value = warp_sum(value);
    if (lane == j) own = value;
  }
  return own;
}

// partial (groups, last - first): of these rows. Shared memory: Weights, Row[WARPS][32], Pair[nodes
// + 1][GROUPS][32].
extern "C" __global__ void __launch_bounds__(LINE_THREADS, ROUNDED ? 2 : 1)
    line_forward(const int *__restrict__ groups, const double *__restrict__ nodes,
                 const double *__restrict__ cells, const double *__restrict__ bases,
                 const int *__restrict__ stations, const double *__restrict__ sizes,
                 const double *__restrict__ weights, int neurons, const double *__restrict__ reach,
                 const double *__restrict__ pulls, int rows, int first, int last, int per_part,
                 double *__restrict__ partial) {
  DYN_SHARED(Weights, sums);
  const int warp = this_warp();
  Row *tile = (Row *)(sums + 1) + warp * 32;
  Pair *table = (Pair *)((Row *)(sums + 1) + LINE_THREADS);
  const Group group = group_of(groups);
  const int lane = threadIdx.x % 32, part = first + blockIdx.y * per_part;
  const int end = min(last, part + per_part);
  weigh(*sums, table, group, nodes + group.node, stations, sizes, weights, neurons);
  const double *own = reach + (size_t)group.bundle * rows * DIMENSION;
  const double *pull = pulls + (size_t)group.bundle * rows;
  const Cells found = cells_of(cells, group.window);
  double base[GROUPS][COEFFICIENTS];
#pragma unroll
  for (int m = 0; m < GROUPS; m++) line_of(bases, group, 32 * m + lane, base[m]);
  for (int start = part + warp * 32; start < end; start += LINE_THREADS) {
    double sum;
    if constexpr (ROUNDED) {
      const double *mine = own + (size_t)min(start + lane, rows - 1) * DIMENSION;
      __syncwarp();
#pragma unroll
      for (int i = 0; i < COEFFICIENTS; i++) tile[lane].at[i] = (float)(0.5 * mine[i]);
      __syncwarp();
      sum = rounded(tile, table, group.nodes, base);
    } else {
      sum = searched(own, start, rows, table, nodes + group.node, found, base);
    }
    if (start + lane < end) {
      const double along = pull[start + lane];
      const double size = REMAINDER == ABS ? fabs(along) : (along < 0 ? -1 : 1);
      partial[(size_t)blockIdx.x * (last - first) + start + lane - first] = 2 * size * sum;
    }
  }
}
