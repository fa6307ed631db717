// Sums of rows in an order that their length alone fixes: the twin of reference/totals.py.
//
// A row is cut into blocks of 256 entries, the last one filled up with zeros. In a block the second
// half is added onto the first, entry by entry, and so on until one is left, by one warp. The sums
// of the blocks are a row in their turn, until one is left.

constexpr int BLOCK = 256;

// values (rows, count), weights (count,) or null; out (rows, blocks).
extern "C" __global__ void block_totals(const double *__restrict__ values,
                                        const double *__restrict__ weights, long long count,
                                        int blocks, int rows, double *__restrict__ out) {
  const int at = item();
  if (at >= rows * blocks) return;
  const double *row = values + at / blocks * count;
  double held[BLOCK / 32];
#pragma unroll
  for (int k = 0; k < BLOCK / 32; k++) {
    const long long i = at % blocks * (long long)BLOCK + 32 * k + threadIdx.x;
    const double value = i < count ? row[i] : 0;
    held[k] = weights && i < count ? __dmul_rn(value, weights[i]) : value;  // no fma with the sum
  }
#pragma unroll
  for (int reach = BLOCK / 64; reach; reach /= 2)
#pragma unroll
    for (int k = 0; k < reach; k++) held[k] += held[k + reach];
  const double total = warp_sum(held[0]);
  if (threadIdx.x == 0) out[at] = total;
}
