// The density on another axis of a: the twin of reference/regrid.py. Lanes along a.

// rho (directions, before), out (directions, after): cell i was i - below, and is empty where there
// was none.
extern "C" __global__ void regrid(const real *__restrict__ rho, int below, int before, int after,
                                  int directions, real *__restrict__ out) {
  const int direction = item();
  if (direction >= directions) return;
  const real *own = rho + (size_t)direction * before;
  for (int a = threadIdx.x; a < after; a += blockDim.x) {
    const int was = a - below;
    out[(size_t)direction * after + a] = was >= 0 && was < before ? own[was] : (real)0;
  }
}
