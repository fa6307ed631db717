// Activations by themselves, one thread an entry; see remainders.cu.

extern "C" __global__ void remainder_values(const real *__restrict__ z, long long count,
                                            const real *__restrict__ parameters, int knots,
                                            real *__restrict__ out) {
  const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= count) return;
  real value, slope;
  remainder_of(z[at], parameters, knots, value, slope);
  out[at] = value;
}
