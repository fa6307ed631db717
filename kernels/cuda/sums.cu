// The parts of pair sums, added in their order. `large` sums come with d known at run time.

extern "C" __global__ void finish_forward(const double *__restrict__ partial, int splits, int rows,
                                          double *__restrict__ out) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  double total = 0;
  for (int s = 0; s < splits; s++) total += partial[(size_t)s * rows + row];
  out[row] = total;
}

// partial (splits, sums, neurons), sums = d (h = w.g / degree) or d + 1; gradients (neurons, d).
extern "C" __global__ void finish_backward(const double *__restrict__ partial, int splits, int sums,
                                           const double *__restrict__ points, int neurons,
                                           int dimension, int degree, double *__restrict__ out,
                                           double *__restrict__ gradients) {
  const int neuron = blockIdx.x * blockDim.x + threadIdx.x;
  if (neuron >= neurons) return;
  double along = 0;
  for (int i = 0; i < sums; i++) {
    double total = 0;
    for (int s = 0; s < splits; s++) total += partial[((size_t)s * sums + i) * neurons + neuron];
    if (i == dimension) {
      out[neuron] = total;
      continue;
    }
    gradients[(size_t)neuron * dimension + i] = total;
    along += points[(size_t)neuron * dimension + i] * total;
  }
  if (degree) out[neuron] = along / degree;
}
