// One Runge-Kutta stage at a temperature: the twin of thermal_transport in reference/diffusion.py.
// For its arguments see march.cu and driven.cu.

constexpr int RESIDENT = 2;  // blocks of a multiprocessor, which bound a thread's registers

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
    thermal_stage(const real *__restrict__ rho, const real *base, real *out,
                  const real *__restrict__ x, const real *__restrict__ slabs,
                  const real *__restrict__ share, const real *__restrict__ drift,
                  const real *__restrict__ per_volume, const real *__restrict__ outer,
                  const real *__restrict__ balance, const real *__restrict__ a_values,
                  real half_width, real pull, real twice, real per_rise, real base_weight,
                  real weight, real dt, int n, int count, int chunk) {
  const Told told = {rho,        base, out,         slabs,  per_volume, outer, balance, a_values,
                     half_width, pull, base_weight, weight, dt,         n,     count,   chunk,
                     true};
  Driven speeds = {x, share, drift, twice, per_rise, count};
  march_stage(told, speeds);
}
