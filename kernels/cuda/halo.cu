// Where the cells of the cubed sphere lie, and what panels tell each other: the twin of
// reference/halo.py, and the one place where data cross a panel edge.
//
//   direction = panel n^(d-1) + place,  place = sum_k i_k stride_k,  stride_k = n^(d-2-k)
//   slot      = (panel (d-1) + axis) 2 + side;   slabs are (layers, slots, n^(d-2), count)
//   across    (slots,): the neighbour's slot that touches this one
//
// Crossing an edge keeps the order of the other axes, so a cell of a slab is its place without the
// slab's own axis.

__device__ __forceinline__ int power(int n, int exponent) {
  int product = 1;
#pragma unroll
  for (int k = 0; k < AXES; k++)  // the compiler knows both
    if (k < exponent) product *= n;
  return product;
}
__device__ __forceinline__ int stride_of(int axis, int n) { return power(n, AXES - 1 - axis); }

// The place without one axis, and with it again at a coordinate.
__device__ __forceinline__ int without(int place, int stride, int n) {
  return place / (stride * n) * stride + place % stride;
}
__device__ __forceinline__ int within(int rest, int stride, int n, int coordinate) {
  return rest / stride * (stride * n) + coordinate * stride + rest % stride;
}

// The direction of the cell `depth` layers inside the edge of a slot.
__device__ __forceinline__ int inside(int slot, int rest, int depth, int n) {
  const int axis = slot / 2 % AXES, coordinate = slot % 2 ? n - 1 - depth : depth;
  return slot / (2 * AXES) * power(n, AXES) + within(rest, stride_of(axis, n), n, coordinate);
}

// The direction of the next cell along an axis, across the panel's edge where it is the last.
__device__ __forceinline__ int beside(int direction, int axis, int side, const int *across, int n) {
  const int cells = power(n, AXES), stride = stride_of(axis, n);
  const int panel = direction / cells, place = direction % cells, at = place / stride % n;
  if (at != (side ? n - 1 : 0)) return direction + (side ? stride : -stride);
  return inside(across[(panel * AXES + axis) * 2 + side], without(place, stride, n), 0, n);
}

// Index of a cell's face in an array (2d, n, .., n+1, .., n).
__device__ __forceinline__ int face_of(int direction, int axis, int side, int n) {
  const int cells = power(n, AXES), stride = stride_of(axis, n);
  const int panel = direction / cells, place = direction % cells, at = place / stride % n;
  return panel * (cells / n * (n + 1)) +
         within(without(place, stride, n), stride, n + 1, at + side);
}

// Ghost layers: the neighbour's layer `blockIdx.y`, interpolated along each tangential axis from
// the four cells first, .., first + 3 onto one's own lines; (layers, slots, n^(d-2), count).
// first (layers, n), share (layers, n, 4). Negative interpolants are cut.
extern "C" __global__ void ghost_layers(const real *__restrict__ rho,
                                        const int *__restrict__ across,
                                        const int *__restrict__ first,
                                        const double *__restrict__ share, int n, int count,
                                        real *__restrict__ ghosts) {
  const int rests = power(n, AXES - 1), cell = item(), layer = blockIdx.y;
  if (cell >= SLOTS * rests) return;
  const int slot = across[cell / rests], rest = cell % rests;
  for (int a = threadIdx.x; a < count; a += blockDim.x) {
    real total = 0;
    for (int corner = 0; corner < 1 << 2 * (AXES - 1); corner++) {
      double weight = 1;
      int from = 0;
      for (int k = 0; k < AXES - 1; k++) {
        const int step = power(n, AXES - 2 - k), at = layer * n + rest / step % n;
        const int node = corner >> 2 * k & 3;
        weight *= share[4 * at + node];
        from += (first[at] + node) * step;
      }
      total += (real)weight * rho[(size_t)inside(slot, from, layer, n) * count + a];
    }
    ghosts[((size_t)layer * SLOTS * rests + cell) * count + a] = larger(total, (real)0);
  }
}
