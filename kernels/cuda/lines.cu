// Cells and states along the lines of the grid, across panel edges: what the fluxes of transport
// and of thermal transport take. Each panel gives its own inside state on a shared edge.
//
//   slabs  (SPAN, slots, n^(d-2), count): REACH layers of ghosts, then the neighbouring panels' own
//          states on the edges. So a line that leaves its panel ends in the state beyond the edge.

constexpr int SPAN = REACH + 1;  // cells on either side: the next cell's state reads REACH more

// Where the cell `k` further along an axis than the one at `place` has its value of a: in the
// panel, or in a layer of its slab.
__device__ __forceinline__ const real *along_line(const real *rho, const real *slabs, int panel,
                                                  int place, int axis, int k, int n, int count,
                                                  int a) {
  const int cells = power(n, AXES), rests = cells / n, stride = stride_of(axis, n);
  const int i = place / stride % n + k, layer = i < 0 ? -1 - i : i - n;
  if (i >= 0 && i < n) return rho + (size_t)(panel * cells + place + k * stride) * count + a;
  const int slot = (panel * AXES + axis) * 2 + (i >= n), rest = without(place, stride, n);
  return slabs + (((size_t)min(layer, REACH) * SLOTS + slot) * rests + rest) * count + a;
}

// The last layer of the slabs, from the others: the state of every slot's outermost cell on the
// panel's edge, where the slot across it reads it.
extern "C" __global__ void edge_states(const real *__restrict__ rho, const int *__restrict__ across,
                                       int n, int count, real *slabs) {
  const int rests = power(n, AXES - 1), cell = item(), slot = cell / rests, rest = cell % rests;
  if (cell >= SLOTS * rests) return;
  const size_t layer = (size_t)SLOTS * rests * count;
  real *edge = slabs + REACH * layer + ((size_t)across[slot] * rests + rest) * count;
  for (int a = threadIdx.x; a < count; a += blockDim.x) {
    real line[2 * REACH + 1];  // from the inside towards the edge
#pragma unroll
    for (int k = 0; k <= REACH; k++)
      line[k] = rho[(size_t)inside(slot, rest, REACH - k, n) * count + a];
#pragma unroll
    for (int k = 0; k < REACH; k++)
      line[REACH + 1 + k] = slabs[k * layer + (size_t)cell * count + a];
    edge[a] = sides(line, REACH).above;
  }
}
