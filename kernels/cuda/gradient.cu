// The velocity of a density at a temperature, one for drift and diffusion: the twin of the speeds
// in reference/diffusion.py and reference/outer.py.
//
//   u[x] = K (x_L - x_R) - N.(g_L + g_R),   g = sum over axes of dual (x_+ - x_-)
//   u = u[tau log rho] + a u[h],   |u| <= |a u[h]| + 2 tau K
//
// `near` (directions, d-1, 2): the next cells along every axis, across panel edges too. A face of a
// cell has its number 2 axis + side. `share` (directions, 2 (d-1), 1 + 2 (d-1)) of a face: K, then
// N.dual of this cell for every axis, then of the cell beyond. Both cells of a face sum each
// gradient in the same order, so inside a panel they find one speed, bitwise.

constexpr int SIDES = 2 * AXES;
constexpr int SHARES = 1 + SIDES;

// N.g of one cell, x (directions, pitch) at `a`; the twin sums over the axes in this order too.
template <class T>
__device__ __forceinline__ T along_face(const T *x, int pitch, int a, int cell, const int *near,
                                        const real *share) {
  T sum = 0;
#pragma unroll
  for (int k = 0; k < AXES; k++) {
    const int *ends = near + cell * SIDES + 2 * k;
    sum += (T)share[k] * (x[(size_t)ends[1] * pitch + a] - x[(size_t)ends[0] * pitch + a]);
  }
  return sum;
}

// u[x] through a face of a cell, positive in the direction of the growing coordinate.
template <class T>
__device__ __forceinline__ T normal_speed(const T *x, int pitch, int a, int cell, int face,
                                          const int *near, const real *share) {
  const int beyond = near[cell * SIDES + face];
  share += ((size_t)cell * SIDES + face) * SHARES;
  const T mean = along_face(x, pitch, a, cell, near, share + 1) +
                 along_face(x, pitch, a, beyond, near, share + 1 + AXES);
  const T fall = x[(size_t)cell * pitch + a] - x[(size_t)beyond * pitch + a];
  return (T)share[0] * (face % 2 ? fall : -fall) - mean;
}

__device__ __forceinline__ real bounded(real speed, real bound) {
  return larger(smaller(speed, bound), -bound);
}

// u through a face of a cell, bounded.
__device__ __forceinline__ real speed_through(const real *log_rho, int count, int a, real value,
                                              int direction, int face, const int *near,
                                              const real *share, const real *drift, real tau) {
  const real carried = value * drift[direction * SIDES + face];
  const real compact = share[((size_t)direction * SIDES + face) * SHARES];
  const real speed = carried + tau * normal_speed(log_rho, count, a, direction, face, near, share);
  return bounded(speed, fabs(carried) + 2 * tau * compact);
}

// da/dt over the width of a cell, on the face between the cells a and a + 1 of a column; pull and
// per_difference are over that width too.
__device__ __forceinline__ real outer_speed(const real *log_column, int a, const real *a_values,
                                            real outer, real pull, real per_difference) {
  const real drift = outer - pull * (real)0.5 * (a_values[a] + a_values[a + 1]);
  const real speed = drift - per_difference * (log_column[a + 1] - log_column[a]);
  return bounded(speed, fabs(drift) + 2 * per_difference);
}
