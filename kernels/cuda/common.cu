// What every kernel file may assume; joined before it. Defined from outside:
//
//   REAL       float or double: the density and the pairs. One number a direction is always double.
//   PACK       values of a that a thread takes at once, where it takes several; ROWS, of how many
//              directions
//   DIMENSION  d of the inputs; the directions are 2d panels of n^(d-1) cells
//
// No #include: NVRTC compiles this text, and tests run the same text on the CPU. Arrays do not
// overlap unless a kernel says so. Sums have a fixed order; there is no floating-point atomic.

typedef REAL real;

constexpr int AXES = DIMENSION - 1;
constexpr int PANELS = 2 * DIMENSION;
constexpr int SLOTS = PANELS * AXES * 2;             // [panel, axis, side]: the edges of all panels
constexpr unsigned ALL = 0xffffffffu;                // lanes of a warp
constexpr int THREADS = 128;                         // of a block, at most
constexpr int UNROLLED = DIMENSION <= 4 ? AXES : 1;  // loops over axes

// As in contract.py; of pairs that are summed in float, FLOAT_TIE.
constexpr double TIE = 0x1p-43;
constexpr real PAIR_TIE = sizeof(real) == 8 ? (real)TIE : (real)0x1p-20;

// Densities below it have no relative precision left; the same in a logarithm.
constexpr real VACUUM = sizeof(real) == 8 ? (real)1e-290 : (real)1e-30;

__device__ __forceinline__ float larger(float x, float y) { return fmaxf(x, y); }
__device__ __forceinline__ float smaller(float x, float y) { return fminf(x, y); }
__device__ __forceinline__ double larger(double x, double y) { return x > y ? x : y; }
__device__ __forceinline__ double smaller(double x, double y) { return x < y ? x : y; }

// Sum and maximum over a warp, in all lanes; the same tree every time.
__device__ __forceinline__ double warp_sum(double x) {
  for (int reach = 16; reach; reach >>= 1) x += __shfl_xor_sync(ALL, x, reach);
  return x;
}
__device__ __forceinline__ double warp_largest(double x) {
  for (int reach = 16; reach; reach >>= 1) x = larger(x, __shfl_xor_sync(ALL, x, reach));
  return x;
}

// Blocks are (lanes along a) x (items): the item of this thread, a direction or a cell of a slab.
__device__ __forceinline__ int item() { return blockIdx.x * blockDim.y + threadIdx.y; }
