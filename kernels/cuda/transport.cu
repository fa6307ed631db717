// One Runge-Kutta stage of the transport of a density: the twin of reference/transport.py.
//
//   out = w0 base + w1 (rho - dt [ sum over the sphere's faces of a U q / V  +  d_a(u q) ])
//
// A thread has a tile, PACK values of a in ROWS cells beside each other along the last axis, and
// marches with it along the first one, over `chunk` cells: states and fluxes go along from cell to
// cell, rows share the states of each other and the flux between them, and columns are looked after
// by columns.cu. One writer a cell and no barrier, so nothing depends on the blocks.
//
//   MOVES       1: directions do; 0: faces and slabs are null
//   ROWS, PACK  divide n and count; arrays are aligned to them
//   base        rho where w0 is 0; out may be base
//   faces       (d-1, 2d n^(d-2) (n+1)); per_volume (directions,)
//   outer       (directions,) da/dt over the width of a cell, or null: a rests
//   balance     (directions, 2), of outer.cu; null where lanes have whole columns
//
// Sizes of a number that a cell costs: 1 read and 1 written, and 1 more read in later stages. From
// caches come 2 SPAN / ROWS more, the rows beside a tile, 2 SPAN for each axis between the first
// and the last, and (2 SPAN - 1) / chunk where a march begins; of slabs, 2 (d-1) SPAN / n are read.

constexpr int LAST = AXES - 1;  // the axis of a tile's rows, unless it is that of the march
static_assert(LAST || ROWS == 1, "on the circle there is the march alone");

// Add what flows out of HAD cells of a line, the first at line[SPAN], through their faces, whose
// speeds are given. begins, ends: ones where a panel does, and the line holds the state beyond.
template <int HAD>
__device__ __forceinline__ void flow(const real *line, int begins, int ends, const real *speed,
                                     real *change) {
  real before = chosen(begins, line[0], sides(line, SPAN - 1).above);
#pragma unroll
  for (int k = 0; k <= HAD; k++) {
    const Sides own = sides(line, SPAN + k);
    const real after = k < HAD ? own.below : chosen(ends, line[HAD + 2 * SPAN - 1], own.below);
    const real flux = upwind(speed[k], before, after);
    if (k > 0) change[k - 1] += flux;
    if (k < HAD) change[k] -= flux;
    before = own.above;
  }
}

// A tile on its way along the first axis: its cells and REACH on either side, the flux through the
// low face and the state at the high one; where the next cell is, and the first beyond the panel.
struct March {
  Cells around[ROWS][2 * REACH + 1], flux[ROWS], above[ROWS];
  const real *next, *outside;
  int step;

  __device__ __forceinline__ void begin(const real *rho, const real *slabs, const real *measure,
                                        const Cells &value, int panel, int place, int n, int count,
                                        int a) {
    const int rests = power(n, AXES - 1), first = place / rests;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Cells line[2 * SPAN];  // from -SPAN to REACH
#pragma unroll
      for (int k = 0; k < 2 * SPAN; k++)
        line[k] =
            cells_at(along_line(rho, slabs, panel, place, 0, k - SPAN, n, count, a) + r * count);
#pragma unroll
      for (int k = 0; k <= 2 * REACH; k++) around[r][k] = line[1 + k];
#pragma unroll
      for (int q = 0; q < PACK; q++) {
        real along[2 * SPAN];
#pragma unroll
        for (int k = 0; k < 2 * SPAN; k++) along[k] = line[k].at[q];
        const Sides own = sides(along, SPAN);
        const real before = chosen(negative(first - 1), along[0], sides(along, SPAN - 1).above);
        flux[r].at[q] = upwind(value.at[q] * measure[r], before, own.below);
        above[r].at[q] = own.above;
      }
    }
    next = along_line(rho, slabs, panel, place, 0, SPAN, n, count, a);
    outside = along_line(rho, slabs, panel, place, 0, n - first, n, count, a);
    step = (first + SPAN < n ? 1 : SLOTS) * rests * count;
  }

  // From cell i to the next one; `change`: what flows out of it along this axis.
  __device__ __forceinline__ void advance(const Rows &measure, const Cells &value, int i, int n,
                                          int layer, int count, Cells *change) {
    const int ends = ~negative(i + 1 - n);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const Cells further = cells_at(next + r * count);
#pragma unroll
      for (int q = 0; q < PACK; q++) {
        real along[2 * SPAN];  // from -REACH to SPAN
#pragma unroll
        for (int k = 0; k <= 2 * REACH; k++) along[k] = around[r][k].at[q];
        along[2 * REACH + 1] = further.at[q];
        const Sides after = sides(along, SPAN);
        const real through = upwind(value.at[q] * measure.at[r], above[r].at[q],
                                    chosen(ends, further.at[q], after.below));
        change[r].at[q] = through - flux[r].at[q];
        flux[r].at[q] = through, above[r].at[q] = after.above;
      }
#pragma unroll
      for (int k = 0; k < 2 * REACH; k++) around[r][k] = around[r][k + 1];
      around[r][2 * REACH] = further;
    }
    next += step;
    if (i + 1 + SPAN == n) next = outside, step = layer;
  }
};

// The cells beside HAD cells of a tile along another axis, at the place of the march. `at`: the
// coordinate of the first of the tile's own. A tile that is as long as a line looks beyond it has
// all cells on one side in the panel or all in its slab, and keeps the nearest ones' place.
template <int HAD>
struct Beside {
  static constexpr bool TOGETHER = HAD >= SPAN;
  static constexpr int KEPT = TOGETHER ? 1 : SPAN;  // on either side
  const real *cells[2 * KEPT];
  int steps[2 * KEPT], apart[2], face, face_step, stride, at;

  __device__ __forceinline__ void begin(const real *rho, const real *slabs, int panel, int place,
                                        int axis, int n, int count, int a) {
    const int rests = power(n, AXES - 1), size = PANELS * rests * (n + 1);
    stride = stride_of(axis, n), at = place / stride % n, face_step = rests / n * (n + 1);
    face = axis * size + face_of(panel * rests * n + place, axis, 0, n);
#pragma unroll
    for (int side = 0; side < 2; side++) {
#pragma unroll
      for (int k = 0; k < KEPT; k++) {  // from the nearest
        const int off = side ? HAD + k : -1 - k;
        const bool inside = at + off >= 0 && at + off < n;
        cells[side * KEPT + k] = along_line(rho, slabs, panel, place, axis, off, n, count, a);
        steps[side * KEPT + k] = (inside ? rests : rests / n) * count;
        apart[side] = (inside ? (side ? 1 : -1) * stride : SLOTS * rests) * count;
      }
    }
  }

  // The cell k further than the nearest one.
  __device__ __forceinline__ Cells cell(int side, int k, int offset) const {
    return cells_at(TOGETHER ? cells[side] + k * apart[side] + offset
                             : cells[side * KEPT + k] + offset);
  }

  // Add what flows out along this axis; own, change: from the tile's row `row` on.
  __device__ __forceinline__ void flow_out(const real *faces, const Cells *own, const Cells &value,
                                           int row, int n, int count, Cells *change) const {
    Cells line[HAD + 2 * SPAN];
    real measure[HAD + 1];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
      line[SPAN - 1 - k] = cell(0, k, row * count);
      line[SPAN + HAD + k] = cell(1, k, row * count);
    }
#pragma unroll
    for (int k = 0; k < HAD; k++) line[SPAN + k] = own[k];
#pragma unroll
    for (int k = 0; k <= HAD; k++) measure[k] = faces[face + row + k * stride];
#pragma unroll
    for (int q = 0; q < PACK; q++) {
      real along[HAD + 2 * SPAN], speed[HAD + 1], sum[HAD];
#pragma unroll
      for (int k = 0; k < HAD + 2 * SPAN; k++) along[k] = line[k].at[q];
#pragma unroll
      for (int k = 0; k <= HAD; k++) speed[k] = value.at[q] * measure[k];
#pragma unroll
      for (int k = 0; k < HAD; k++) sum[k] = change[k].at[q];
      flow<HAD>(along, negative(at - 1), ~negative(at + HAD - n), speed, sum);
#pragma unroll
      for (int k = 0; k < HAD; k++) change[k].at[q] = sum[k];
    }
  }

  __device__ __forceinline__ void advance() {
    face += face_step;
#pragma unroll
    for (int k = 0; k < 2 * KEPT; k++) cells[k] += steps[k];
  }
};

// Blocks of a multiprocessor, which bound a thread's registers: some need more of these.
constexpr bool CROWDED = DIMENSION > 3 || (ROWS == 2 && !LANES && sizeof(real) == 4);
constexpr int RESIDENT = SCHEME == 2 ? 2 : 4 - CROWDED - (sizeof(real) == 8);

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
    transport_stage(const real *__restrict__ rho, const real *base, real *out,
                    const real *__restrict__ slabs, const real *__restrict__ faces,
                    const real *__restrict__ per_volume, const real *__restrict__ outer,
                    const real *__restrict__ balance, const real *__restrict__ a_values,
                    real half_width, real pull, int varied, real base_weight, real weight, real dt,
                    int n, int count, int chunk) {
  // lanes beyond the last cell or tile do that one's work again, and write nothing
  const int rests = power(n, AXES - 1), tiles = rests / ROWS;
  const int line = min(item(), PANELS * tiles - 1), panel = line / tiles;
  const int asked = (blockIdx.z * blockDim.x + threadIdx.x) * PACK, a = min(asked, count - PACK);
  const bool writes = a == asked && line == item();
  if (!LANES && !writes) return;
  const int first = blockIdx.y * chunk, last = min(n, first + chunk);
  const int rest = line % tiles * ROWS, place = first * rests + rest;
  Columns columns = {cells_at(a_values + a), a, count};
  columns.bottom = negative(a - 1), columns.top = ~negative(a + PACK - count);
  columns.repeats = negative(a - asked), columns.varied = varied;
  columns.half_width = half_width, columns.pull = pull;
  const Cells &value = columns.value;
  int direction = panel * rests * n + place;
  size_t cell = (size_t)direction * count + a;

  March march;
  Beside<1> between[AXES];
  Beside<ROWS> across;
  const real *measure = nullptr;
  if (MOVES) {
    measure = faces + (panel * (n + 1) + first) * rests + rest;
    march.begin(rho, slabs, measure, value, panel, place, n, count, a);
#pragma unroll UNROLLED
    for (int axis = 1; axis < LAST; axis++)
      between[axis].begin(rho, slabs, panel, place, axis, n, count, a);
    if (LAST) across.begin(rho, slabs, panel, place, LAST, n, count, a);
  }

#pragma unroll 1
  for (int i = first; i < last; i++, direction += rests, cell += rests * count) {
    Cells own[ROWS], change[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      own[r] = MOVES ? march.around[r][REACH] : cells_at(rho + cell + r * count);
      change[r] = {};
    }
    if (MOVES) {
      measure += rests;
      march.advance(rows_at(measure), value, i, n, SLOTS * rests * count, count, change);
#pragma unroll UNROLLED
      for (int axis = 1; axis < LAST; axis++) {
#pragma unroll
        for (int r = 0; r < ROWS; r++)
          between[axis].flow_out(faces, own + r, value, r, n, count, change + r);
        between[axis].advance();
      }
      if (LAST) across.flow_out(faces, own, value, 0, n, count, change), across.advance();
      const Rows share = rows_at(per_volume + direction);
#pragma unroll
      for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int q = 0; q < PACK; q++) change[r].at[q] *= share.at[r];
    }
    if (outer)
      flow_along_a(columns, own, rho + cell, balance, direction, rows_at(outer + direction),
                   change);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const Cells start = cells_at(base + cell + r * count);
      Cells fresh;
#pragma unroll
      for (int q = 0; q < PACK; q++) {
        const real stage = weight * (own[r].at[q] - dt * change[r].at[q]);
        const real total = base_weight * start.at[q] + stage;
        fresh.at[q] = fabs(total) < VACUUM ? (real)0 : total;
      }
      if (writes) *reinterpret_cast<Cells *>(out + cell + r * count) = fresh;
    }
  }
}
