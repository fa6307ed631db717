// Audits that read all cells of a density, one warp a column of a: the twins of
// reference/audits.py.

// out (4, directions): the smallest value, NaN where an entry is not finite; sum rho log rho;
// sum |a| rho; how many entries are not finite.
extern "C" __global__ void column_audits(const real *__restrict__ rho,
                                         const double *__restrict__ a_values, int directions,
                                         int count, double *__restrict__ out) {
  const int direction = item();
  if (direction >= directions) return;
  const real *column = rho + (size_t)direction * count;
  double least = -(double)column[threadIdx.x < count ? threadIdx.x : 0];  // its negative, largest
  double disorder = 0, size = 0, bad = 0;
  for (int a = threadIdx.x; a < count; a += 32) {
    const real q = column[a];
    least = larger(least, -(double)q);
    if (q > 0) disorder += (double)(q * log(q));
    size += fabs(a_values[a]) * q;
    bad += !isfinite(q);
  }
  least = -warp_largest(least), disorder = warp_sum(disorder);
  size = warp_sum(size), bad = warp_sum(bad);
  if (threadIdx.x) return;
  out[direction] = bad > 0 ? nan("") : least;
  out[directions + direction] = disorder;
  out[2 * directions + direction] = size;
  out[3 * directions + direction] = bad;
}

__device__ __forceinline__ bool stands_out(real low, real centre, real high, real share) {
  return centre > low && centre > high && low + high < 2 * share * centre;
}

// Sum over a of the cells that stand out along an axis of the panel, or along a; out (directions,).
extern "C" __global__ void narrow_columns(const real *__restrict__ rho, double share, int along_a,
                                          int n, int count, double *__restrict__ out) {
  const int cells = power(n, AXES), direction = item();
  if (direction >= PANELS * cells) return;
  const size_t column = (size_t)direction * count;
  const real narrow = (real)share;
  double total = 0;
  for (int a = threadIdx.x; a < count; a += 32) {
    const real *own = rho + column + a;
    bool out_of_line =
        along_a && a > 0 && a < count - 1 && stands_out(own[-1], *own, own[1], narrow);
    for (int axis = 0; axis < AXES; axis++) {
      const int stride = stride_of(axis, n), at = direction % cells / stride % n;
      const long long step = (long long)stride * count;
      if (at > 0 && at < n - 1) out_of_line |= stands_out(own[-step], *own, own[step], narrow);
    }
    if (out_of_line) total += *own;
  }
  total = warp_sum(total);
  if (threadIdx.x == 0) out[direction] = total;
}
