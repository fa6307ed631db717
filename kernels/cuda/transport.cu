// One Runge-Kutta stage of the transport of a density: the twin of reference/transport.py.
//
//   out = w0 base + w1 (rho - dt [ sum over the sphere's faces of a U q / V  +  d_a(u q) ])
//
// A thread marches along the first tangential axis, over `chunk` cells, with PACK values of a, and
// carries the states and the flux from cell to cell; along the other axes it reads the neighbours.
// One writer a cell, no barrier. PACK divides count, and arrays are aligned to PACK values.
//
//   faces       (d-1, 2d n^(d-2) (n+1)) or null where directions rest; per_volume (directions,)
//   outer       (directions,) da/dt over the width of a cell, or null: a rests
//   half_width  of a cell of a; pull: ridge outer_rate over a width; varied: whether that is not 0
//   out         may be base

struct alignas(sizeof(real) * PACK) Cells {
  real at[PACK];
};

__device__ __forceinline__ Cells cells_at(const real *x) {
  return *reinterpret_cast<const Cells *>(x);
}

// One neighbour of a march: where its value is now, and how far on the next one is.
struct Walk {
  const real *at;
  int step;
};

// The cell `k` further along an axis than the one at `place`; beyond a panel's edge its ghost, and
// beyond those that are read, in the last place, the neighbouring panel's state on the edge.
__device__ __forceinline__ Walk neighbour(const Field &f, int panel, int place, int axis, int k,
                                          int a) {
  const int n = f.n, cells = power(n, AXES), rests = cells / n, stride = stride_of(axis, n);
  const int i = place / stride % n + k, beyond = i < 0 ? -1 - i : i - n;
  if (i >= 0 && i < n)
    return {f.rho + (size_t)(panel * cells + place + k * stride) * f.count + a, rests * f.count};
  const int slot = (panel * AXES + axis) * 2 + (i >= n), rest = without(place, stride, n);
  const int step = axis ? rests / n * f.count : 0;
  if (beyond < REACH)
    return {f.ghosts + (((size_t)beyond * SLOTS + slot) * rests + rest) * f.count + a, step};
  return {f.edges + ((size_t)f.across[slot] * rests + rest) * f.count + a, step};
}

// Blocks of a multiprocessor, which bound a thread's registers: some need more of these.
constexpr int RESIDENT = SCHEME == 2 || (sizeof(real) == 8 && DIMENSION > 3) ? 2 : 4;

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
    transport_stage(const real *__restrict__ rho, const real *base, real *out,
                    const real *__restrict__ ghosts, const real *__restrict__ edges,
                    const int *__restrict__ across, const real *__restrict__ faces,
                    const real *__restrict__ per_volume, const real *__restrict__ outer,
                    const real *__restrict__ balance, const real *__restrict__ a_values,
                    real half_width, real pull, int varied, real base_weight, real weight, real dt,
                    int n, int count, int chunk) {
  const int rests = power(n, AXES - 1), line = item(), panel = line / rests, rest = line % rests;
  const int a = (blockIdx.z * blockDim.x + threadIdx.x) * PACK;
  if (panel >= PANELS || a >= count) return;
  const int first = blockIdx.y * chunk, last = min(n, first + chunk), step = rests * count;
  const Field field = {rho, ghosts, edges, across, n, count};
  const Cells value = cells_at(a_values + a);
  int direction = panel * rests * n + first * rests + rest;
  size_t cell = (size_t)direction * count + a;

  // along the march: cells first - REACH .. first + REACH + 1, of which the last comes in the loop
  Cells ahead[2 * REACH + 1], low_flux, below, above;
  Walk beside[AXES][2 * SPAN];
  int face[AXES], at[AXES];
  if (faces) {
    const int place = first * rests + rest;
#pragma unroll
    for (int k = -REACH; k <= REACH; k++)
      ahead[REACH + k] =
          k ? cells_at(neighbour(field, panel, place, 0, k, a).at) : cells_at(rho + cell);
    const Cells behind = cells_at(neighbour(field, panel, place, 0, -SPAN, a).at);
    const real measure = faces[(panel * (n + 1) + first) * rests + rest];
#pragma unroll
    for (int q = 0; q < PACK; q++) {
      real along[2 * SPAN];  // from -SPAN to REACH
      along[0] = behind.at[q];
#pragma unroll
      for (int k = 0; k <= 2 * REACH; k++) along[1 + k] = ahead[k].at[q];
      const Sides own = sides(along, SPAN);
      const real before = first ? sides(along, SPAN - 1).above : behind.at[q];
      low_flux.at[q] = upwind(value.at[q] * measure, before, own.below);
      below.at[q] = own.below, above.at[q] = own.above;
    }
#pragma unroll UNROLLED
    for (int axis = 1; axis < AXES; axis++) {
      at[axis] = rest / stride_of(axis, n) % n;
      face[axis] = axis * (PANELS * rests * (n + 1)) + face_of(direction, axis, 0, n);
#pragma unroll
      for (int k = 0; k < SPAN; k++) {
        beside[axis][SPAN - 1 - k] = neighbour(field, panel, place, axis, -1 - k, a);
        beside[axis][SPAN + k] = neighbour(field, panel, place, axis, 1 + k, a);
      }
    }
  }

#pragma unroll 1
  for (int i = first; i < last; i++, direction += rests, cell += step) {
    const Cells own = faces ? ahead[REACH] : cells_at(rho + cell);
    Cells change = {}, start = {};
    if (base) start = cells_at(base + cell);
    if (faces) {
      const Cells further =
          i + SPAN < n ? cells_at(rho + cell + (size_t)SPAN * step)
                       : cells_at(neighbour(field, panel, i * rests + rest, 0, SPAN, a).at);
      const real measure = faces[(panel * (n + 1) + i + 1) * rests + rest];
#pragma unroll
      for (int q = 0; q < PACK; q++) {
        real along[2 * SPAN];  // from -REACH to SPAN
#pragma unroll
        for (int k = 0; k <= 2 * REACH; k++) along[k] = ahead[k].at[q];
        along[2 * REACH + 1] = further.at[q];
        const Sides next = sides(along, SPAN);
        const real after = i < n - 1 ? next.below : further.at[q];
        const real flux = upwind(value.at[q] * measure, above.at[q], after);
        change.at[q] = flux - low_flux.at[q];
        low_flux.at[q] = flux, below.at[q] = next.below, above.at[q] = next.above;
      }
#pragma unroll
      for (int k = 0; k < 2 * REACH; k++) ahead[k] = ahead[k + 1];
      ahead[2 * REACH] = further;
#pragma unroll UNROLLED
      for (int axis = 1; axis < AXES; axis++) {
        const real low = faces[face[axis]], high = faces[face[axis] + stride_of(axis, n)];
        const bool begins = at[axis] == 0, ends = at[axis] == n - 1;
        face[axis] += rests / n * (n + 1);
        Cells row[2 * SPAN];
#pragma unroll
        for (int k = 0; k < 2 * SPAN; k++) {
          row[k] = cells_at(beside[axis][k].at);
          beside[axis][k].at += beside[axis][k].step;
        }
#pragma unroll
        for (int q = 0; q < PACK; q++) {
          real along[2 * SPAN + 1];
#pragma unroll
          for (int k = 0; k < SPAN; k++)
            along[k] = row[k].at[q], along[SPAN + 1 + k] = row[SPAN + k].at[q];
          along[SPAN] = own.at[q];
          const Sides mine = sides(along, SPAN);
          real before = sides(along, SPAN - 1).above, after = sides(along, SPAN + 1).below;
          if (begins) before = along[0];
          if (ends) after = along[2 * SPAN];
          change.at[q] += upwind(value.at[q] * high, mine.above, after);
          change.at[q] -= upwind(value.at[q] * low, before, mine.below);
        }
      }
      const real share = per_volume[direction];
#pragma unroll
      for (int q = 0; q < PACK; q++) change.at[q] *= share;
    }
    if (outer) {
      real column[PACK + 2 * MARGIN];
#pragma unroll
      for (int q = 0; q < PACK; q++) column[MARGIN + q] = own.at[q];
      read_margins<PACK>(rho + cell, a, count, column);
      const real speed = outer[direction];
      const bool rising = speed > 0;
      const real up = balance[2 * direction], down = balance[2 * direction + 1];
      Sides below = sides_in_column(column, MARGIN - 1, a - 1, count, rising, varied, up, down);
      real low = 0;  // the flux through the face between the last two
#pragma unroll
      for (int q = 0; q <= PACK; q++) {
        const real edge = q < PACK ? value.at[q] - half_width : value.at[PACK - 1] + half_width;
        const Sides above =
            sides_in_column(column, MARGIN + q, a + q, count, rising, varied, up, down);
        real flux = upwind(speed - pull * edge, below.above, above.below);
        if (q == 0 && a == 0) flux = 0;
        if (q == PACK && a + PACK == count) flux = 0;
        if (q > 0) change.at[q - 1] += flux - low;
        below = above, low = flux;
      }
    }
    Cells fresh;
#pragma unroll
    for (int q = 0; q < PACK; q++) {
      const real stage = weight * (own.at[q] - dt * change.at[q]);
      const real total = base ? base_weight * start.at[q] + stage : stage;
      fresh.at[q] = fabs(total) < VACUUM ? (real)0 : total;
    }
    *reinterpret_cast<Cells *>(out + cell) = fresh;
  }
}
