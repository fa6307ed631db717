// Speeds of a density at a temperature through the faces of a tile on its march; the twin of the
// speeds in reference/diffusion.py and reference/outer.py.
//
//   x      tau log rho on the padded grid of gradient.cu, values of a contiguous
//   drift  (d-1, faces of an axis): u[h]
//   twice  2 tau; per_rise: outer_rate over the square of a cell's width
//
// Sizes of a number that a cell costs: 1 read, and before that 1 read and 1 written for x. From
// caches come 13 more for a tile of two rows in d = 3, since nothing is kept from cell to cell: it
// would take more registers than there are.

__device__ __forceinline__ Cells operator-(const Cells &x, const Cells &y) {
  Cells difference;
#pragma unroll
  for (int q = 0; q < PACK; q++) difference.at[q] = x.at[q] - y.at[q];
  return difference;
}
__device__ __forceinline__ Cells operator*(real factor, const Cells &x) {
  Cells product;
#pragma unroll
  for (int q = 0; q < PACK; q++) product.at[q] = factor * x.at[q];
  return product;
}

__device__ __forceinline__ real bounded(real speed, real bound) {
  return larger(smaller(speed, bound), -bound);
}

struct Driven {
  const real *x, *share, *drift;
  real twice, per_rise;
  int count;

  Cells value;
  FaceNumbers face;
  Stand stand;
  // of this cell of the march: x from the row before the tile to the one after, rises of its rows
  Cells line[ROWS + 2], rise[ROWS][AXES];

  __device__ __forceinline__ void begin(const Columns &columns, int panel, int place, int n) {
    value = columns.value;
    x += (size_t)padded_place(panel, place, n) * count + columns.a;
    stand.begin(place, count, n);
    if (MOVES) face.begin(panel, place, n);
  }

  // The field at a row, so many cells ahead.
  __device__ __forceinline__ Cells row_at(int r, int ahead) const {
    return cells_at(x + r * count + ahead * stand.stride[0]);
  }
  // Where row r of the tile stands.
  __device__ __forceinline__ Stand row(int r) const {
    Stand own = stand;
    if (LAST) own.at[LAST] += r;
    return own;
  }
  __device__ __forceinline__ Cells through(int number, const Cells &below, const Cells &above,
                                           const Cells *rise_below, const Cells *rise_above) const {
    const real *own = share + (size_t)number * SHARES;
    const Cells free = normal_speed(own, below, above, rise_below, rise_above);
    const real unit = drift[number], least = twice * own[0];
    Cells speed;
#pragma unroll
    for (int q = 0; q < PACK; q++) {
      const real carried = value.at[q] * unit;
      speed.at[q] = bounded(carried + free.at[q], fabs(carried) + least);
    }
    return speed;
  }
  __device__ __forceinline__ void look_around() {
#pragma unroll
    for (int r = LAST ? -1 : 0; r < ROWS + (LAST > 0); r++) line[1 + r] = row_at(r, 0);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      rise[r][0] = row_at(r, 1) - row_at(r, -1);
#pragma unroll UNROLLED
      for (int k = 1; k < LAST; k++)
        rise[r][k] = cells_at(x + r * count + stand.stride[k]) -
                     cells_at(x + r * count - stand.stride[k]);
      if (LAST) rise[r][LAST] = line[r + 2] - line[r];
    }
  }

  __device__ __forceinline__ void first(Cells *speed) {
    look_around();
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Cells beyond[AXES];
      rises_beside(row(r), x + r * count, line[1 + r], 0, 0, beyond);
      speed[r] = through(face.low[0] + r, row_at(r, -1), line[1 + r], beyond, rise[r]);
    }
  }
  __device__ __forceinline__ void ahead(Cells *speed) {
    look_around();
    const int number = face.low[0] + power(stand.n, AXES - 1);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      Cells beyond[AXES];
      rises_beside(row(r), x + r * count, line[1 + r], 0, 1, beyond);
      speed[r] = through(number + r, line[1 + r], row_at(r, 1), rise[r], beyond);
    }
  }
  template <int HAD>
  __device__ __forceinline__ void beside(int axis, int r, Cells *speed) const {
    const real *low = x + r * count, *high = low + (HAD - 1) * count;
    const int stride = stand.stride[axis], number = face.low[axis] + r;
    const int apart = stride_of(axis, stand.n);
    Cells below[AXES], above[AXES];
    rises_beside(row(r), low, line[1 + r], axis, 0, below);
    rises_beside(row(r + HAD - 1), high, line[r + HAD], axis, 1, above);
#pragma unroll
    for (int k = 0; k <= HAD; k++)
      speed[k] = through(number + k * apart, k ? line[r + k] : cells_at(low - stride),
                         k < HAD ? line[1 + r + k] : cells_at(high + stride),
                         k ? rise[r + k - 1] : below, k < HAD ? rise[r + k] : above);
  }
  // Over the width of a cell; `speed` of every row at a = 0.
  __device__ __forceinline__ void along_a(const Columns &c, const Rows &speed,
                                          real (*through)[PACK + 1]) const {
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      real column[PACK + 2];
      const real *cell = x + r * count;
      const Cells own = MOVES ? line[1 + r] : cells_at(cell);
#pragma unroll
      for (int q = 0; q < PACK; q++) column[1 + q] = own.at[q];
#if LANES
      column[0] = column[1];  // its face is the lane's below
      column[PACK + 1] = __shfl_down_sync(ALL, own.at[0], 1);
#else
      column[0] = cell[-min(1, c.a)];
      column[PACK + 1] = cell[min(PACK, c.count - 1 - c.a)];
#endif
#pragma unroll
      for (int k = 0; k <= PACK; k++) {
        const real drift = pulled(c, speed.at[r], k);
        const real free = drift - per_rise * (column[k + 1] - column[k]);
        through[r][k] = bounded(free, fabs(drift) + twice * per_rise);
      }
    }
  }
  __device__ __forceinline__ void advance() {
    x += stand.stride[0], stand.at[0]++;
    if (MOVES) face.advance(stand.n);
  }
};
