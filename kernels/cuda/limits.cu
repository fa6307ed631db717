// What benchmarks hold the other kernels against.

// Multiply-adds and nothing else, as fast as they can be issued: each thread has CHAINS of them that
// do not wait for one another, `turns` x CHAINS in all. x = a x + b stays finite for |a| < 1.
constexpr int CHAINS = 16;

extern "C" __global__ void __launch_bounds__(256, 2)
    multiply_adds(int turns, double a, double b, real *__restrict__ out) {
  real held[CHAINS];
  const int thread = blockIdx.x * blockDim.x + threadIdx.x;
  const real by = (real)a, plus = (real)b;
#pragma unroll
  for (int i = 0; i < CHAINS; i++) held[i] = (real)(thread % 32 + i);
#pragma unroll 8
  for (int turn = 0; turn < turns; turn++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) held[i] = held[i] * by + plus;
  }
  real total = 0;
#pragma unroll
  for (int i = 0; i < CHAINS; i++) total += held[i];
  out[thread] = total;
}
