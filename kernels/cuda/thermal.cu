// One Runge-Kutta stage at a temperature: the twin of thermal_transport in reference/diffusion.py.

// out = w0 base + w1 (rho - dt div(u rho)); drift null where directions rest, outer where a does.
extern "C" __global__ void __launch_bounds__(THREADS, 2)
    thermal_stage(const real *__restrict__ rho, const real *base, real *out,
                  const real *__restrict__ log_rho, const real *__restrict__ slabs,
                  const int *__restrict__ near, const real *__restrict__ share,
                  const real *__restrict__ drift, const real *__restrict__ per_volume,
                  const real *__restrict__ outer, const real *__restrict__ balance,
                  const real *__restrict__ a_values, real pull, real tau, real per_difference,
                  real base_weight, real weight, real dt, int n, int count) {
  const int directions = PANELS * power(n, AXES), direction = item();
  if (direction >= directions) return;
  for (int a = threadIdx.x; a < count; a += blockDim.x) {
    const size_t cell = (size_t)direction * count + a;
    const real value = a_values[a], q = rho[cell];
    real change = 0;
    if (drift) {
#pragma unroll 1
      for (int axis = 0; axis < AXES; axis++) {
        const Faces states = faces_along(rho, slabs, direction, axis, n, count, a);
        const real low =
            speed_through(log_rho, count, a, value, direction, 2 * axis, near, share, drift, tau);
        const real high = speed_through(log_rho, count, a, value, direction, 2 * axis + 1, near,
                                        share, drift, tau);
        change +=
            upwind(high, states.above, states.after) - upwind(low, states.before, states.below);
      }
      change *= per_volume[direction];
    }
    if (outer) {
      real line[2 * MARGIN + 1];
      const real *log_column = log_rho + (size_t)direction * count;
      const real up = balance[2 * direction], down = balance[2 * direction + 1];
      line[MARGIN] = q;
      read_margins<1>(rho + cell, a, count, line);
      const Sides own = sides_in_column(line, MARGIN, a, count, true, true, up, down);
      if (a < count - 1)
        change += upwind(
            outer_speed(log_column, a, a_values, outer[direction], pull, per_difference), own.above,
            sides_in_column(line, MARGIN + 1, a + 1, count, true, true, up, down).below);
      if (a > 0)
        change -= upwind(
            outer_speed(log_column, a - 1, a_values, outer[direction], pull, per_difference),
            sides_in_column(line, MARGIN - 1, a - 1, count, true, true, up, down).above, own.below);
    }
    real fresh = weight * (q - dt * change);
    if (base) fresh += base_weight * base[cell];
    out[cell] = fabs(fresh) < VACUUM ? (real)0 : fresh;
  }
}
