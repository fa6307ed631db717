// One Runge-Kutta stage of a density on its way along the first axis, whatever moves it:
//
//   out = w0 base + w1 (rho - dt [ sum over the sphere's faces of the flux / V  +  d_a(u q) ])
//
// A thread has a tile, PACK values of a in ROWS cells beside each other along the last axis, and
// marches with it along the first one, over `chunk` cells: states and fluxes go along from cell to
// cell, rows share the states of each other and the flux between them, and columns are looked after
// by columns.cu. One writer a cell and no barrier, so nothing depends on the blocks.
//
//   MOVES       1: directions do; 0: slabs are null
//   ROWS, PACK  divide n and count; arrays are aligned to them
//   base        rho where w0 is 0; out may be base
//   per_volume  (directions,)
//   outer       (directions,) da/dt over the width of a cell, or null: a rests
//   balance     (directions, 2), of outer.cu; null where lanes have whole columns
//
// Sizes of a number that a cell costs, but for its speeds: 1 read and 1 written, and 1 more read in
// later stages. From caches come 2 SPAN / ROWS more, the rows beside a tile, 2 SPAN for each axis
// between the first and the last, and (2 SPAN - 1) / chunk where a march begins; of slabs, 2 (d-1)
// SPAN / n are read.

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

// Numbers to the next layer of the slabs, which beyond d = 4 may be more than 2^31 where memory has
// them: layers are 2 (d-1) / n of a density.
template <bool MANY>
struct Offset {
  typedef int type;
};
template <>
struct Offset<true> {
  typedef long long type;
};
typedef Offset<(DIMENSION > 4)>::type Far;

// A tile on its way along the first axis: its cells and REACH on either side, the flux through the
// low face and the state at the high one; where the next cell is, and the first beyond the panel.
struct March {
  Cells around[ROWS][2 * REACH + 1], flux[ROWS], above[ROWS];
  const real *next, *outside;
  Far step;

  __device__ __forceinline__ void begin(const real *rho, const real *slabs, const Cells *speed,
                                        int panel, int place, int n, int count, int a) {
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
        flux[r].at[q] = upwind(speed[r].at[q], before, own.below);
        above[r].at[q] = own.above;
      }
    }
    next = along_line(rho, slabs, panel, place, 0, SPAN, n, count, a);
    outside = along_line(rho, slabs, panel, place, 0, n - first, n, count, a);
    step = (Far)(first + SPAN < n ? 1 : SLOTS) * rests * count;
  }

  // From cell i to the next one; `change`: what flows out of it along this axis.
  __device__ __forceinline__ void advance(const Cells *speed, int i, int n, Far layer, int count,
                                          Cells *change) {
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
        const real through = upwind(speed[r].at[q], above[r].at[q],
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
  int steps[2 * KEPT], at;
  Far apart[2];

  __device__ __forceinline__ void begin(const real *rho, const real *slabs, int panel, int place,
                                        int axis, int n, int count, int a) {
    const int rests = power(n, AXES - 1), stride = stride_of(axis, n);
    at = place / stride % n;
#pragma unroll
    for (int side = 0; side < 2; side++) {
#pragma unroll
      for (int k = 0; k < KEPT; k++) {  // from the nearest
        const int off = side ? HAD + k : -1 - k;
        const bool inside = at + off >= 0 && at + off < n;
        cells[side * KEPT + k] = along_line(rho, slabs, panel, place, axis, off, n, count, a);
        steps[side * KEPT + k] = (inside ? rests : rests / n) * count;
        apart[side] = (Far)(inside ? (side ? 1 : -1) * stride : SLOTS * rests) * count;
      }
    }
  }

  // The cell k further than the nearest one.
  __device__ __forceinline__ Cells cell(int side, int k, int offset) const {
    return cells_at(TOGETHER ? cells[side] + k * apart[side] + offset
                             : cells[side * KEPT + k] + offset);
  }

  // Add what flows out along this axis through HAD + 1 faces; own, change: from the tile's row
  // `row` on.
  __device__ __forceinline__ void flow_out(const Cells *speeds, const Cells *own, int row, int n,
                                           int count, Cells *change) const {
    Cells line[HAD + 2 * SPAN];
#pragma unroll
    for (int k = 0; k < SPAN; k++) {
      line[SPAN - 1 - k] = cell(0, k, row * count);
      line[SPAN + HAD + k] = cell(1, k, row * count);
    }
#pragma unroll
    for (int k = 0; k < HAD; k++) line[SPAN + k] = own[k];
#pragma unroll
    for (int q = 0; q < PACK; q++) {
      real along[HAD + 2 * SPAN], speed[HAD + 1], sum[HAD];
#pragma unroll
      for (int k = 0; k < HAD + 2 * SPAN; k++) along[k] = line[k].at[q];
#pragma unroll
      for (int k = 0; k <= HAD; k++) speed[k] = speeds[k].at[q];
#pragma unroll
      for (int k = 0; k < HAD; k++) sum[k] = change[k].at[q];
      flow<HAD>(along, negative(at - 1), ~negative(at + HAD - n), speed, sum);
#pragma unroll
      for (int k = 0; k < HAD; k++) change[k].at[q] = sum[k];
    }
  }

  __device__ __forceinline__ void advance() {
#pragma unroll
    for (int k = 0; k < 2 * KEPT; k++) cells[k] += steps[k];
  }
};

// What a stage is told, whatever moves the density; half_width and pull as in `Columns`.
struct Told {
  const real *rho, *base;
  real *out;
  const real *slabs, *per_volume, *outer, *balance, *a_values;
  real half_width, pull, base_weight, weight, dt;
  int n, count, chunk;
  bool varied;
};

// The stage of a thread. `Speeds` has the speed through every face, at all values of a:
//   begin    a thread's tile is at a place
//   first    through the low faces of its cells along the first axis, row by row
//   ahead    the same through the high ones
//   beside   through HAD + 1 faces along another axis, from the low one of a row on
//   along_a  over the width of a cell, through the PACK + 1 faces of every row
//   advance  the tile goes one cell ahead
template <class Speeds>
__device__ __forceinline__ void march_stage(const Told &told, Speeds &speeds) {
  const int n = told.n, count = told.count;
  const Way way = way_of(n, count, told.chunk);
  if (!LANES && !way.writes) return;
  const int rests = power(n, AXES - 1), panel = way.panel, place = way.place, a = way.a;
  Columns columns;
  columns.begin(told.a_values, a, count);
  columns.repeats = negative(a - way.asked), columns.varied = told.varied;
  columns.half_width = told.half_width, columns.pull = told.pull;
  int direction = panel * rests * n + place;
  size_t cell = (size_t)direction * count + a;

  March march;
  Beside<1> between[AXES];
  Beside<ROWS> across;
  speeds.begin(columns, panel, place, n);
  if (MOVES) {
    Cells speed[ROWS];
    speeds.first(speed);
    march.begin(told.rho, told.slabs, speed, panel, place, n, count, a);
#pragma unroll UNROLLED
    for (int axis = 1; axis < LAST; axis++)
      between[axis].begin(told.rho, told.slabs, panel, place, axis, n, count, a);
    if (LAST) across.begin(told.rho, told.slabs, panel, place, LAST, n, count, a);
  }

#pragma unroll 1
  for (int i = way.first; i < way.last; i++, direction += rests, cell += rests * count) {
    Cells own[ROWS], change[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      own[r] = MOVES ? march.around[r][REACH] : cells_at(told.rho + cell + r * count);
      change[r] = {};
    }
    if (MOVES) {
      Cells speed[ROWS + 1];
      speeds.ahead(speed);
      march.advance(speed, i, n, (Far)SLOTS * rests * count, count, change);
#pragma unroll UNROLLED
      for (int axis = 1; axis < LAST; axis++) {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
          speeds.template beside<1>(axis, r, speed);
          between[axis].flow_out(speed, own + r, r, n, count, change + r);
        }
        between[axis].advance();
      }
      if (LAST) {
        speeds.template beside<ROWS>(LAST, 0, speed);
        across.flow_out(speed, own, 0, n, count, change), across.advance();
      }
      const Rows share = rows_at(told.per_volume + direction);
#pragma unroll
      for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int q = 0; q < PACK; q++) change[r].at[q] *= share.at[r];
    }
    if (told.outer) {
      const Rows speed = rows_at(told.outer + direction);
      real through[ROWS][PACK + 1];
      speeds.along_a(columns, speed, through);
      flow_along_a(columns, own, told.rho + cell, told.balance, direction, speed, through, change);
    }
    speeds.advance();
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const Cells start = cells_at(told.base + cell + r * count);
      Cells fresh;
#pragma unroll
      for (int q = 0; q < PACK; q++) {
        const real stage = told.weight * (own[r].at[q] - told.dt * change[r].at[q]);
        const real total = told.base_weight * start.at[q] + stage;
        fresh.at[q] = fabs(total) < VACUUM ? (real)0 : total;
      }
      if (way.writes) *reinterpret_cast<Cells *>(told.out + cell + r * count) = fresh;
    }
  }
}
