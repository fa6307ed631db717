// The velocity of a density at a temperature, one for drift and diffusion, on one face: the twin of
// the speeds in reference/diffusion.py.
//
//   u[x] = K (x_L - x_R) - N.(g_L + g_R),   g = sum over axes of dual (x_+ - x_-)
//   u = u[tau log rho] + a u[h],   |u| <= |a u[h]| + 2 tau K
//
// A field x lies on a padded grid, (2d, n+4, .., n+4, ..): every panel with two layers of its
// neighbours' cells on all sides, as they are. At a corner of a panel three panels touch each other
// with a cell each: whichever edge is crossed first, the next one leads to the third of these, and
// what lies beyond both edges is nothing.
//
// share (d-1, faces of an axis, 1 + 2 (d-1)) of a face: K, then N.dual of the cell below it for
// every axis, then of the cell above, by the axes of this panel. Whoever asks, a face's speed is
// summed in one order, so inside a panel there is one, bitwise.

constexpr int PAD = 2;
constexpr int SHARES = 1 + 2 * AXES;

__device__ __forceinline__ int padded_stride(int axis, int n) {
  return power(n + 2 * PAD, AXES - 1 - axis);
}
__device__ __forceinline__ int padded_place(int panel, int place, int n) {
  int padded = panel * power(n + 2 * PAD, AXES);
#pragma unroll
  for (int k = 0; k < AXES; k++)
    padded += (place / stride_of(k, n) % n + PAD) * padded_stride(k, n);
  return padded;
}

// The direction that a cell of the padded grid is; -1 beyond two edges.
__device__ __forceinline__ int padded_from(int cell, const int *across, int n) {
  const int wide = n + 2 * PAD, panel = cell / power(wide, AXES);
  int place = 0, beyond = 0, axis = 0, at = 0;
  for (int k = 0; k < AXES; k++) {
    const int i = cell / padded_stride(k, n) % wide - PAD;
    if (i >= 0 && i < n) place += i * stride_of(k, n);
    else beyond++, axis = k, at = i;
  }
  if (!beyond) return panel * power(n, AXES) + place;
  if (beyond > 1) return -1;
  const int side = at >= n, depth = side ? at - n : -1 - at;
  return inside(across[(panel * AXES + axis) * 2 + side], without(place, stride_of(axis, n), n),
                depth, n);
}

// Where a cell stands in its panel, and how far in a field the next one along an axis is.
struct Stand {
  int at[AXES], stride[AXES], n;

  __device__ __forceinline__ void begin(int place, int numbers, int cells) {
    n = cells;
#pragma unroll UNROLLED
    for (int k = 0; k < AXES; k++)
      at[k] = place / stride_of(k, n) % n, stride[k] = padded_stride(k, n) * numbers;
  }
};

// Values of a field at one cell: a number, or those of a tile.
template <class V, class T>
__device__ __forceinline__ V field_at(const T *x) {
  return *reinterpret_cast<const V *>(x);
}

// x_+ - x_- along every axis, at the cell next to one of the field's along `axis`, across a panel's
// edge too; `own`: the field at that one.
template <class V, class T>
__device__ __forceinline__ void rises_beside(const Stand &s, const T *cell, const V &own, int axis,
                                             int side, V *rise) {
  const int off = side ? s.stride[axis] : -s.stride[axis];
  const bool crosses = s.at[axis] == (side ? s.n - 1 : 0);
#pragma unroll UNROLLED
  for (int k = 0; k < AXES; k++) {
    if (k == axis) {
      const V far = field_at<V>(cell + 2 * off);
      rise[k] = side ? far - own : own - far;
    } else {
      const T *low = cell + (crosses && s.at[k] == 0 ? 0 : off) - s.stride[k];
      const T *high = cell + (crosses && s.at[k] == s.n - 1 ? 0 : off) + s.stride[k];
      rise[k] = field_at<V>(high) - field_at<V>(low);
    }
  }
}

// u[x] through a face, positive in the direction of the growing coordinate.
template <class V>
__device__ __forceinline__ V normal_speed(const real *share, const V &below, const V &above,
                                          const V *rise_below, const V *rise_above) {
  V speed = share[0] * (below - above);
#pragma unroll UNROLLED
  for (int k = 0; k < AXES; k++) speed = speed - share[1 + k] * rise_below[k];
#pragma unroll UNROLLED
  for (int k = 0; k < AXES; k++) speed = speed - share[1 + AXES + k] * rise_above[k];
  return speed;
}
