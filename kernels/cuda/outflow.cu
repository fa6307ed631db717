// What noise and drift take out of every cell of a density, and the field that drives it.

// x = tau log rho on the padded grid of gradient.cu.
extern "C" __global__ void potentials(const real *__restrict__ rho, const int *__restrict__ from,
                                      real tau, int padded, int count, real *__restrict__ x) {
  const int cell = item();
  if (cell >= padded || from[cell] < 0) return;
  for (int a = threadIdx.x * PACK; a < count; a += blockDim.x * PACK) {
    Cells own = cells_at(rho + (size_t)from[cell] * count + a);
#pragma unroll
    for (int q = 0; q < PACK; q++) own.at[q] = tau * log(larger(own.at[q], VACUUM));
    *reinterpret_cast<Cells *>(x + (size_t)cell * count + a) = own;
  }
}

// What leaves through faces along an axis, from the low one on.
__device__ __forceinline__ void leave(const Cells &low, const Cells &high, Cells *leaving) {
#pragma unroll
  for (int q = 0; q < PACK; q++)
    leaving->at[q] += larger(high.at[q], (real)0) - smaller(low.at[q], (real)0);
}

// Share of every cell that leaves it in unit time, first-order upwind; arguments as in march.cu and
// driven.cu.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    thermal_outflow(const real *__restrict__ x, const real *__restrict__ share,
                    const real *__restrict__ drift, const real *__restrict__ per_volume,
                    const real *__restrict__ outer, const real *__restrict__ a_values,
                    real half_width, real pull, real twice, real per_rise, int n, int count,
                    int chunk, real *__restrict__ out) {
  const Way way = way_of(n, count, chunk);
  if (!way.writes) return;
  const int rests = power(n, AXES - 1);
  Columns columns;
  columns.begin(a_values, way.a, count);
  columns.half_width = half_width, columns.pull = pull;
  Driven speeds = {x, share, drift, twice, per_rise, count};
  speeds.begin(columns, way.panel, way.place, n);
  int direction = way.panel * rests * n + way.place;
  size_t cell = (size_t)direction * count + way.a;
  Cells low[ROWS];
  if (MOVES) speeds.first(low);
#pragma unroll 1
  for (int i = way.first; i < way.last; i++, direction += rests, cell += rests * count) {
    Cells leaving[ROWS] = {}, speed[ROWS + 1];
    if (MOVES) {
      speeds.ahead(speed);
#pragma unroll
      for (int r = 0; r < ROWS; r++) leave(low[r], speed[r], leaving + r), low[r] = speed[r];
#pragma unroll UNROLLED
      for (int axis = 1; axis < LAST; axis++) {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
          speeds.beside<1>(axis, r, speed);
          leave(speed[0], speed[1], leaving + r);
        }
      }
      if (LAST) {
        speeds.beside<ROWS>(LAST, 0, speed);
#pragma unroll
        for (int r = 0; r < ROWS; r++) leave(speed[r], speed[r + 1], leaving + r);
      }
      const Rows part = rows_at(per_volume + direction);
#pragma unroll
      for (int r = 0; r < ROWS; r++) leaving[r] = part.at[r] * leaving[r];
    }
    if (outer) {
      real through[ROWS][PACK + 1];
      speeds.along_a(columns, rows_at(outer + direction), through);
#pragma unroll
      for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int q = 0; q < PACK; q++) {
          const real up = through[r][q + 1], down = through[r][q];
          leaving[r].at[q] += q == PACK - 1 ? chosen(columns.top, (real)0, larger(up, (real)0))
                                            : larger(up, (real)0);
          leaving[r].at[q] -= q ? smaller(down, (real)0)
                                : chosen(columns.bottom, (real)0, smaller(down, (real)0));
        }
    }
    speeds.advance();
#pragma unroll
    for (int r = 0; r < ROWS; r++)
      *reinterpret_cast<Cells *>(out + cell + r * count) = leaving[r];
  }
}
