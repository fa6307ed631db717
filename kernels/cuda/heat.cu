// What a temperature needs beside its stages: tables of the gradient, logarithms, the drift, what
// leaves a cell, what is dissipated. The twin of that part of reference/diffusion.py.

extern "C" __global__ void neighbours(const int *__restrict__ across, int n,
                                      int *__restrict__ near) {
  const int directions = PANELS * power(n, AXES), direction = blockIdx.x * blockDim.x + threadIdx.x;
  if (direction >= directions) return;
  for (int face = 0; face < SIDES; face++)
    near[direction * SIDES + face] = beside(direction, face / 2, face % 2, across, n);
}

// dual (d-1, d, directions), cross (d-1, d, faces of an axis), compact (d-1, faces of an axis).
extern "C" __global__ void face_shares(const double *__restrict__ dual,
                                       const double *__restrict__ cross,
                                       const double *__restrict__ compact,
                                       const int *__restrict__ near, int n,
                                       real *__restrict__ share) {
  const int directions = PANELS * power(n, AXES), axis_faces = directions / n * (n + 1);
  const int own = blockIdx.x * blockDim.x + threadIdx.x;
  if (own >= directions * SIDES) return;
  const int direction = own / SIDES, face = own % SIDES, axis = face / 2;
  const int at = face_of(direction, axis, face % 2, n), beyond = near[own];
  real *out = share + (size_t)own * SHARES;
  out[0] = (real)compact[axis * axis_faces + at];
  for (int k = 0; k < AXES; k++) {
    double here = 0, there = 0;
    for (int i = 0; i < DIMENSION; i++) {
      const double covector = cross[((size_t)axis * DIMENSION + i) * axis_faces + at];
      const double *column = dual + ((size_t)k * DIMENSION + i) * directions;
      here += covector * column[direction], there += covector * column[beyond];
    }
    out[1 + k] = (real)here, out[1 + AXES + k] = (real)there;
  }
}

// u[h] through the faces of every cell, (directions, 2 (d-1)).
extern "C" __global__ void drifts(const double *__restrict__ h, const int *__restrict__ near,
                                  const real *__restrict__ share, int directions,
                                  real *__restrict__ drift) {
  const int own = blockIdx.x * blockDim.x + threadIdx.x;
  if (own >= directions * SIDES) return;
  drift[own] = (real)normal_speed(h, 1, 0, own / SIDES, own % SIDES, near, share);
}

extern "C" __global__ void logarithms(const real *__restrict__ rho, long long cells,
                                      real *__restrict__ log_rho) {
  const long long cell = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (cell < cells) log_rho[cell] = log(larger(rho[cell], VACUUM));
}

// Share of every cell that leaves it in unit time, first-order upwind.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    thermal_outflow(const real *__restrict__ log_rho, const int *__restrict__ near,
                    const real *__restrict__ share, const real *__restrict__ drift,
                    const real *__restrict__ per_volume, const real *__restrict__ outer,
                    const real *__restrict__ a_values, real pull, real tau, real per_difference,
                    int n, int count, real *__restrict__ out) {
  const int directions = PANELS * power(n, AXES), direction = item();
  if (direction >= directions) return;
  for (int a = threadIdx.x; a < count; a += blockDim.x) {
    const real value = a_values[a];
    real leaving = 0;
    if (drift) {
#pragma unroll 1
      for (int face = 0; face < SIDES; face++) {
        const real speed =
            speed_through(log_rho, count, a, value, direction, face, near, share, drift, tau);
        leaving += larger(face % 2 ? speed : -speed, (real)0);
      }
      leaving *= per_volume[direction];
    }
    if (outer) {
      const real *log_column = log_rho + (size_t)direction * count;
      if (a < count - 1)
        leaving += larger(
            outer_speed(log_column, a, a_values, outer[direction], pull, per_difference), (real)0);
      if (a > 0)
        leaving -= smaller(
            outer_speed(log_column, a - 1, a_values, outer[direction], pull, per_difference),
            (real)0);
    }
    out[(size_t)direction * count + a] = leaving;
  }
}

// ((root q+ - root q)/log(root(q+/q)))^2 of neighbours along a, both > 0.
__device__ double between(double q, double above) {
  const double low = sqrt(q), high = sqrt(above), ratio = log(high) - log(low);
  const double mean = fabs(ratio) < 1e-4 ? 0.5 * (low + high) : (high - low) / ratio;
  return mean * mean;
}

// Sum over a of rho |grad mu|^2, mobilities inside, by central differences, along a on the faces;
// one warp a column.
// least (1,): densities below count as this; speed (d-1, d-1, directions), null where directions
// rest; h (directions,). half_ridge = ridge / 2; outer_rate 0: a rests.
extern "C" __global__ void thermal_dissipation(
    const real *__restrict__ rho, const double *__restrict__ peak, const int *__restrict__ near,
    const double *__restrict__ speed, const double *__restrict__ h,
    const double *__restrict__ a_values, double a_width, double half_ridge, double outer_rate,
    double tau, double trace, int directions, int count, double *__restrict__ out) {
  const int direction = item();
  if (direction >= directions) return;
  const double least = larger(trace * peak[0], (double)VACUUM);
  const double own_h = h[direction];
  double total = 0;
  for (int a = threadIdx.x; a < count; a += 32) {
    const double value = a_values[a], q = rho[(size_t)direction * count + a];
    double square = 0;
    if (speed) {
      double slope[AXES];
      for (int i = 0; i < AXES; i++) slope[i] = 0;
      for (int k = 0; k < AXES; k++) {
        const int low = near[direction * SIDES + 2 * k], high = near[direction * SIDES + 2 * k + 1];
        const double below = larger((double)rho[(size_t)low * count + a], least);
        const double above = larger((double)rho[(size_t)high * count + a], least);
        const double rise = tau * (log(above) - log(below)) + value * (h[high] - h[low]);
        for (int i = 0; i < AXES; i++)
          slope[i] += speed[((size_t)k * AXES + i) * directions + direction] * rise;
      }
      for (int i = 0; i < AXES; i++) square += slope[i] * slope[i];
    }
    total += q * square;
    if (outer_rate > 0 && a < count - 1) {
      const double next = a_values[a + 1];
      const double from = larger(q, least);
      const double to = larger((double)rho[(size_t)direction * count + a + 1], least);
      const double rise = tau * (log(to) - log(from)) + (own_h + half_ridge * next) * next -
                          (own_h + half_ridge * value) * value;
      const double slope = rise / a_width;
      total += outer_rate * between(from, to) * slope * slope;
    }
  }
  total = warp_sum(total);
  if (threadIdx.x == 0) out[direction] = total;
}
