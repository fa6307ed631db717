// The largest of non-negative numbers, one partial result a block of one warp; then of those.

template <class T>
__device__ __forceinline__ void largest_of(const T *x, long long length, double *out) {
  double most = 0;
  for (long long i = blockIdx.x * 32LL + threadIdx.x; i < length; i += gridDim.x * 32LL)
    most = larger(most, (double)x[i]);
  most = warp_largest(most);
  if (threadIdx.x == 0) out[blockIdx.x] = most;
}
extern "C" __global__ void largest(const real *__restrict__ x, long long length,
                                   double *__restrict__ out) {
  largest_of(x, length, out);
}
extern "C" __global__ void largest_part(const double *__restrict__ x, long long length,
                                        double *__restrict__ out) {
  largest_of(x, length, out);
}
