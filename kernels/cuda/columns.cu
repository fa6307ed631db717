// Transport along the a axis of a tile: ROWS columns, of which a thread has PACK values each.
//
//   LANES  lanes of a warp that have whole columns, a power of two: the cells beside a thread's
//          own, the flux between them and the balance come from these lanes, and nothing is read.
//          0: columns are longer than a warp, and `balance` is that of outer.cu
//
// Sums over a column are of the density's type: balance is a part of 1, and errors in it of some
// units in the last place move a state by as much.

#if LANES
// The cells of a thread at line[REACH], and those beside them; beyond the walls as in read_margins.
__device__ __forceinline__ void pass_margins(const Columns &c, const Cells &own, real *line) {
#pragma unroll
  for (int q = 0; q < PACK; q++) line[REACH + q] = own.at[q];
#pragma unroll
  for (int k = 0; k < REACH; k++) {
    const real low = __shfl_up_sync(ALL, own.at[PACK - 1 - k % PACK], 1 + k / PACK);
    const real high = __shfl_down_sync(ALL, own.at[k % PACK], 1 + k / PACK);
    const int none_below = negative(c.a - 1 - k);
    const int none_above = negative(c.count - PACK - 1 - k - c.a);
    line[REACH - 1 - k] = chosen(none_below, SCHEME == 1 ? own.at[0] : (real)0, low);
    line[REACH + PACK + k] = chosen(none_above, SCHEME == 1 ? own.at[PACK - 1] : (real)0, high);
  }
}

// By which part the rising departures of a column exceed the falling ones; less than 0: the falling
// ones the others. From their sum and that of their sizes.
__device__ __forceinline__ real excess(real sum, real size) {
  const real most = (real)0.5 * (size + fabs(sum));  // of the two, the larger
  return smaller(larger(divided(sum, larger(most, VACUUM)), (real)-1), (real)1);
}

// The excess of every row, from the sums of a thread's own cells. Of two rows, each half of the
// lanes adds up one.
__device__ __forceinline__ Rows excesses(const Rows &sum, const Rows &size) {
  constexpr bool HALVES = ROWS == 2 && LANES > 1;
  const bool second = HALVES && threadIdx.x & LANES / 2;
  Rows found;
#pragma unroll
  for (int r = 0; r < (HALVES ? 1 : ROWS); r++) {
    real mine = sum.at[r], sizes = size.at[r];
    if (HALVES) {
      mine = second ? sum.at[ROWS - 1] : mine, sizes = second ? size.at[ROWS - 1] : sizes;
      mine += __shfl_xor_sync(ALL, second ? sum.at[0] : sum.at[ROWS - 1], LANES / 2);
      sizes += __shfl_xor_sync(ALL, second ? size.at[0] : size.at[ROWS - 1], LANES / 2);
    }
#pragma unroll
    for (int reach = LANES / (HALVES ? 4 : 2); reach; reach >>= 1) {
      mine += __shfl_xor_sync(ALL, mine, reach);
      sizes += __shfl_xor_sync(ALL, sizes, reach);
    }
    found.at[r] = excess(mine, sizes);
  }
  if (HALVES) {
    const real mine = found.at[0], other = __shfl_xor_sync(ALL, mine, LANES / 2);
    found.at[0] = second ? other : mine, found.at[ROWS - 1] = second ? mine : other;
  }
  return found;
}

// Add what flows out of a row's cells, whose states are given, and speeds `through` their faces.
__device__ __forceinline__ void flow_in_column(const Columns &c, const Sides *states,
                                               const real *through, real *change) {
  const real beyond = __shfl_down_sync(ALL, states[0].below, 1);
  real flux[PACK];
#pragma unroll
  for (int q = 0; q < PACK; q++)
    flux[q] =
        upwind(through[q + 1], states[q].above, q < PACK - 1 ? states[q + 1].below : beyond);
  flux[PACK - 1] = chosen(c.top, (real)0, flux[PACK - 1]);
  const real low = chosen(c.bottom, (real)0, __shfl_up_sync(ALL, flux[PACK - 1], 1));
#pragma unroll
  for (int q = 0; q < PACK; q++) {
    change[q] += flux[q];
    change[q] -= q ? flux[q - 1] : low;
  }
}

// Add what flows along a out of a tile's cells; `speed` of every row, which says what is ahead
// where it is one a column; `through` their PACK + 1 faces.
__device__ __forceinline__ void flow_along_a(const Columns &c, const Cells *own, const real *,
                                             const real *, int, const Rows &speed,
                                             const real (*through)[PACK + 1], Cells *change) {
  real departure[ROWS][PACK];
  Sides states[ROWS][PACK];
  Rows sum, size;
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    real line[PACK + 2 * REACH];
    pass_margins(c, own[r], line);
#pragma unroll
    for (int q = 0; q < PACK; q++) {
      Sides &mine = states[r][q] = sides(line, REACH + q);
      const real off = departing(mine, line, REACH + q, c.a + q, c.count, speed.at[r] > 0);
      departure[r][q] = off;
      sum.at[r] = q ? sum.at[r] + off : off, size.at[r] = q ? size.at[r] + fabs(off) : fabs(off);
    }
    sum.at[r] = chosen(c.repeats, (real)0, sum.at[r]);
    size.at[r] = chosen(c.repeats, (real)0, size.at[r]);
  }
  const Rows found = excesses(sum, size);
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    const real up = 1 - larger(found.at[r], (real)0), down = 1 + smaller(found.at[r], (real)0);
#pragma unroll
    for (int q = 0; q < PACK; q++)
      if (is_balanced(c.varied)) states[r][q] = balanced(own[r].at[q], departure[r][q], up, down);
    flow_in_column(c, states[r], through[r], change[r].at);
  }
}

#else
// The same; own_cells, direction: of the tile's first row.
__device__ __forceinline__ void flow_along_a(const Columns &c, const Cells *own,
                                             const real *own_cells, const real *balance,
                                             int direction, const Rows &speed,
                                             const real (*through)[PACK + 1], Cells *change) {
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    real line[PACK + 2 * MARGIN];
#pragma unroll
    for (int q = 0; q < PACK; q++) line[MARGIN + q] = own[r].at[q];
    read_margins<PACK>(own_cells + r * c.count, c.a, c.count, line);
    const bool rising = speed.at[r] > 0;
    const real up = balance[2 * (direction + r)], down = balance[2 * (direction + r) + 1];
    Sides below;
#pragma unroll
    for (int k = 0; k <= PACK + 1; k++) {  // cells from the one before the first
      const Sides above =
          sides_in_column(line, MARGIN - 1 + k, c.a - 1 + k, c.count, rising, c.varied, up, down);
      if (k) {
        real flux = upwind(through[r][k - 1], below.above, above.below);
        if (k == 1) flux = chosen(c.bottom, (real)0, flux);
        if (k == PACK + 1) flux = chosen(c.top, (real)0, flux);
        if (k > 1) change[r].at[k - 2] += flux;
        if (k <= PACK) change[r].at[k - 1] -= flux;
      }
      below = above;
    }
  }
}
#endif
