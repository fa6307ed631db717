// What a temperature needs beside its stages: tables of the gradient, the drift, what is
// dissipated. The twin of that part of reference/diffusion.py.

constexpr int SIDES = 2 * AXES;

// (directions, d-1, 2): the next cells along every axis, across panel edges too.
extern "C" __global__ void neighbours(const int *__restrict__ across, int n,
                                      int *__restrict__ near) {
  const int directions = PANELS * power(n, AXES), direction = blockIdx.x * blockDim.x + threadIdx.x;
  if (direction >= directions) return;
  for (int face = 0; face < SIDES; face++)
    near[direction * SIDES + face] = beside(direction, face / 2, face % 2, across, n);
}

// share of gradient.cu; dual (d-1, d, directions), cross (d-1, d, faces of an axis), compact (d-1,
// faces of an axis). The cell across a panel's edge counts its axes by its own panel.
extern "C" __global__ void face_shares(const double *__restrict__ dual,
                                       const double *__restrict__ cross,
                                       const double *__restrict__ compact,
                                       const int *__restrict__ across, int n,
                                       real *__restrict__ share) {
  const int directions = PANELS * power(n, AXES), axis_faces = directions / n * (n + 1);
  const int own = blockIdx.x * blockDim.x + threadIdx.x;
  if (own >= directions * SIDES) return;
  const int direction = own / SIDES, axis = own % SIDES / 2, side = own % 2;
  const int at = direction % power(n, AXES) / stride_of(axis, n) % n;
  if (!side && at) return;  // the high face of the cell before
  const bool crosses = at == (side ? n - 1 : 0);
  const int slot = across[(direction / power(n, AXES) * AXES + axis) * 2 + side];
  const int normal = crosses ? slot / 2 % AXES : axis;
  const int face = face_of(direction, axis, side, n);
  const int beyond = beside(direction, axis, side, across, n);
  real *out = share + ((size_t)axis * axis_faces + face) * SHARES;
  out[0] = (real)compact[axis * axis_faces + face];
  for (int k = 0; k < AXES; k++) {
    const int rest = k - (k > axis), other = k == axis ? normal : rest + (rest >= normal);
    const double turned = crosses && k == axis && side == slot % 2 ? -1 : 1;
    double here = 0, there = 0;
    for (int i = 0; i < DIMENSION; i++) {
      const double covector = cross[((size_t)axis * DIMENSION + i) * axis_faces + face];
      here += covector * dual[((size_t)k * DIMENSION + i) * directions + direction];
      there += covector * dual[((size_t)other * DIMENSION + i) * directions + beyond];
    }
    out[1 + k] = (real)(side ? here : turned * there);
    out[1 + AXES + k] = (real)(side ? turned * there : here);
  }
}

// Which directions the cells of the padded grid are; -1 beyond two edges.
extern "C" __global__ void padded_cells(const int *__restrict__ across, int n,
                                        int *__restrict__ from) {
  const int cell = blockIdx.x * blockDim.x + threadIdx.x;
  if (cell < PANELS * power(n + 2 * PAD, AXES)) from[cell] = padded_from(cell, across, n);
}

// One number a direction, on the padded grid.
extern "C" __global__ void padded_field(const double *__restrict__ h, const int *__restrict__ from,
                                        int padded, double *__restrict__ x) {
  const int cell = blockIdx.x * blockDim.x + threadIdx.x;
  if (cell < padded) x[cell] = from[cell] < 0 ? 0 : h[from[cell]];
}

// u[x] through all faces, (d-1, faces of an axis).
extern "C" __global__ void drifts(const double *__restrict__ x, const real *__restrict__ share,
                                  int n, real *__restrict__ drift) {
  const int directions = PANELS * power(n, AXES), axis_faces = directions / n * (n + 1);
  const int own = blockIdx.x * blockDim.x + threadIdx.x;
  if (own >= directions * SIDES) return;
  const int direction = own / SIDES, axis = own % SIDES / 2, side = own % 2;
  Stand stand;
  stand.begin(direction % power(n, AXES), 1, n);
  if (!side && stand.at[axis]) return;
  const double *cell = x + padded_place(direction / power(n, AXES), direction % power(n, AXES), n);
  const double beyond = cell[side ? stand.stride[axis] : -stand.stride[axis]];
  double rise[AXES], rise_beyond[AXES];
  for (int k = 0; k < AXES; k++) rise[k] = cell[stand.stride[k]] - cell[-stand.stride[k]];
  rises_beside(stand, cell, *cell, axis, side, rise_beyond);
  const int face = axis * axis_faces + face_of(direction, axis, side, n);
  const real *shares = share + (size_t)face * SHARES;
  drift[face] = (real)(side ? normal_speed(shares, *cell, beyond, rise, rise_beyond)
                            : normal_speed(shares, beyond, *cell, rise_beyond, rise));
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
