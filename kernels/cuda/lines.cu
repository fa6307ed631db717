// States on both sides of a cell's two faces along an axis, across panel edges: what the fluxes of
// transport and of thermal transport take. Each panel gives its own inside state on a shared edge.

constexpr int SPAN =
    REACH + 1;  // cells on either side: the next cell's state reads REACH beyond it

// A density and its slabs: ghosts (layers, slots, n^(d-2), count), edges (slots, n^(d-2), count).
struct Field {
  const real *rho, *ghosts, *edges;
  const int *across;
  int n, count;
};

// before | below .. the cell .. above | after
struct Faces {
  real before, below, above, after;
};

// The state of the outermost cell of every slot on the panel's edge, (slots, n^(d-2), count).
extern "C" __global__ void edge_states(const real *__restrict__ rho,
                                       const real *__restrict__ ghosts, int n, int count,
                                       real *__restrict__ edges) {
  const int rests = power(n, AXES - 1), cell = item(), slot = cell / rests, rest = cell % rests;
  if (cell >= SLOTS * rests) return;
  for (int a = threadIdx.x; a < count; a += blockDim.x) {
    real line[2 * REACH + 1];  // from the inside towards the edge
#pragma unroll
    for (int k = 0; k <= REACH; k++)
      line[k] = rho[(size_t)inside(slot, rest, REACH - k, n) * count + a];
#pragma unroll
    for (int k = 0; k < REACH; k++)
      line[REACH + 1 + k] = ghosts[((size_t)k * SLOTS * rests + cell) * count + a];
    edges[(size_t)cell * count + a] = sides(line, REACH).above;
  }
}

__device__ __forceinline__ Faces faces_along(const Field &f, int direction, int axis, int a) {
  const int n = f.n, cells = power(n, AXES), stride = stride_of(axis, n), rests = cells / n;
  const int panel = direction / cells, place = direction % cells, at = place / stride % n;
  const int rest = without(place, stride, n), low = (panel * AXES + axis) * 2;
  real line[2 * SPAN + 1];
#pragma unroll
  for (int k = -SPAN; k <= SPAN; k++) {
    const int i = at + k, beyond = i < 0 ? -1 - i : i - n;  // 0: the layer next to the edge
    if (i >= 0 && i < n)
      line[SPAN + k] = f.rho[(size_t)(direction + k * stride) * f.count + a];
    else if (beyond < REACH)
      line[SPAN + k] =
          f.ghosts[(((size_t)beyond * SLOTS + low + (i >= n)) * rests + rest) * f.count + a];
    else
      line[SPAN + k] = 0;  // no state reads it
  }
  const Sides own = sides(line, SPAN);
  Faces states = {sides(line, SPAN - 1).above, own.below, own.above, sides(line, SPAN + 1).below};
  if (at == 0) states.before = f.edges[((size_t)f.across[low] * rests + rest) * f.count + a];
  if (at == n - 1) states.after = f.edges[((size_t)f.across[low + 1] * rests + rest) * f.count + a];
  return states;
}
