// One Runge-Kutta stage of the transport of a density: the twin of reference/transport.py.
//
//   out = w0 base + w1 (rho - dt [ sum over the sphere's faces of a U q / V  +  d_a(u q) ])
//
//   faces  (d-1, 2d n^(d-2) (n+1)): U; null where directions rest. For all else see march.cu.

// Speeds that are one number a face, times a.
struct Carried {
  const real *faces;
  Cells value;
  FaceNumbers face;
  int n;

  __device__ __forceinline__ void begin(const Columns &columns, int panel, int place, int sizes) {
    value = columns.value, n = sizes;
    if (MOVES) face.begin(panel, place, n);
  }
  __device__ __forceinline__ void through(int at, Cells *speed) const {
    const Rows measure = rows_at(faces + at);
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int q = 0; q < PACK; q++) speed[r].at[q] = value.at[q] * measure.at[r];
  }
  __device__ __forceinline__ void first(Cells *speed) const { through(face.low[0], speed); }
  __device__ __forceinline__ void ahead(Cells *speed) const {
    through(face.low[0] + power(n, AXES - 1), speed);
  }
  template <int HAD>
  __device__ __forceinline__ void beside(int axis, int row, Cells *speed) const {
#pragma unroll
    for (int k = 0; k <= HAD; k++) {
      const real measure = faces[face.low[axis] + row + k * stride_of(axis, n)];
#pragma unroll
      for (int q = 0; q < PACK; q++) speed[k].at[q] = value.at[q] * measure;
    }
  }
  __device__ __forceinline__ void along_a(const Columns &columns, const Rows &speed,
                                          real (*through)[PACK + 1]) const {
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int k = 0; k <= PACK; k++) through[r][k] = pulled(columns, speed.at[r], k);
  }
  __device__ __forceinline__ void advance() {
    if (MOVES) face.advance(n);
  }
};

// Blocks of a multiprocessor, which bound a thread's registers: some need more of these.
constexpr bool CROWDED = DIMENSION > 3 || (ROWS == 2 && !LANES && sizeof(real) == 4);
constexpr int RESIDENT = SCHEME == 2 ? 2 : 4 - CROWDED - (sizeof(real) == 8);

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
    transport_stage(const real *__restrict__ rho, const real *base, real *out,
                    const real *__restrict__ slabs, const real *__restrict__ faces,
                    const real *__restrict__ per_volume, const real *__restrict__ outer,
                    const real *__restrict__ balance, const real *__restrict__ a_values,
                    real half_width, real pull, int varied, real base_weight, real weight, real dt,
                    int n, int count, int chunk) {
  const Told told = {rho,        base, out,         slabs,  per_volume, outer, balance, a_values,
                     half_width, pull, base_weight, weight, dt,         n,     count,   chunk,
                     varied != 0};
  Carried speeds = {faces};
  march_stage(told, speeds);
}
