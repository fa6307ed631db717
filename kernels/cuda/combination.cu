// Linear combinations of up to eight arrays: the twin of reference/combination.py. Weight by weight
// from the first on; arrays that are null are left out. `out` may be one of the others. The weights
// from the `after`th on are times *scale; null: times 1.

template <class T>
__device__ __forceinline__ void combination(const T *const *arrays, const double *weights,
                                            const double *scale, int after, long long size,
                                            T *out) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= size) return;
  const double times = scale ? *scale : 1.0;
  T total = (T)(after > 0 ? weights[0] : times * weights[0]) * arrays[0][i];
#pragma unroll
  for (int k = 1; k < 8; k++)
    if (arrays[k])
      total = fma((T)(after > k ? weights[k] : times * weights[k]), arrays[k][i], total);
  out[i] = total;
}

// Of densities, and of all that is double in either type.
extern "C" __global__ void combine(const real *a, const real *b, const real *c, const real *d,
                                   const real *e, const real *f, const real *g, const real *h,
                                   double wa, double wb, double wc, double wd, double we, double wf,
                                   double wg, double wh, const double *scale, int after,
                                   long long size, real *out) {
  const real *arrays[8] = {a, b, c, d, e, f, g, h};
  const double weights[8] = {wa, wb, wc, wd, we, wf, wg, wh};
  combination(arrays, weights, scale, after, size, out);
}
extern "C" __global__ void combine_doubles(const double *a, const double *b, const double *c,
                                           const double *d, const double *e, const double *f,
                                           const double *g, const double *h, double wa, double wb,
                                           double wc, double wd, double we, double wf, double wg,
                                           double wh, const double *scale, int after, long long size,
                                           double *out) {
  const double *arrays[8] = {a, b, c, d, e, f, g, h};
  const double weights[8] = {wa, wb, wc, wd, we, wf, wg, wh};
  combination(arrays, weights, scale, after, size, out);
}
