// Limited states of a cell on its low and high faces along a line: the twins of
// reference/limiter.py and reference/weno.py. SCHEME: 0 upwind, 1 MUSCL with MC slopes, 2 WENO5-Z.

constexpr int REACH = SCHEME;  // neighbours on either side that a state reads

struct Sides {
  real below, above;
};

__device__ __forceinline__ float divided(float x, float y) { return __fdividef(x, y); }
__device__ __forceinline__ double divided(double x, double y) { return x / y; }

// s/2 of s = minmod((q+ - q-)/2, 2 (q - q-), 2 (q+ - q)). Quarters are exact, so the central one is
// rounded once however it is contracted. In double a comparison is three instructions, so there are
// fewer, and signs are told by their bit.
#ifdef VAN_LEER  // of no scheme: instructions are counted with it too, since it is a common measure
__device__ __forceinline__ float half_slope(float before, float q, float after) {
  const float product = (q - before) * (after - q);
  return product > 0 ? divided(product, after - before) : 0;
}
#else
__device__ __forceinline__ float half_slope(float before, float q, float after) {
  const float below = q - before, above = after - q, central = 0.25f * after - 0.25f * before;
  const float rising = larger(smaller(below, above), 0.f);
  const float falling = smaller(larger(below, above), 0.f);
  return larger(smaller(central, rising), falling);
}
#endif
__device__ __forceinline__ double half_slope(double before, double q, double after) {
  const double below = q - before, above = after - q, central = 0.25 * after - 0.25 * before;
  const double size = smaller(fabs(central), smaller(fabs(below), fabs(above)));
  const bool monotone = (__double_as_longlong(below) ^ __double_as_longlong(above)) >= 0;
  return monotone ? copysign(size, above) : 0.;
}

#if SCHEME == 2
__device__ __forceinline__ real roughness(real curvature, real slope) {
  return (real)(13.0 / 12.0) * curvature * curvature + (real)0.25 * slope * slope;
}
// sum_k w_k p_k towards e; ideal weights 1/10, 6/10, 3/10
__device__ __forceinline__ real combined(real a, real b, real c, real d, real e, real far,
                                         real middle, real near) {
  far *= (real)0.1, middle *= (real)0.6, near *= (real)0.3;
  real total = far * (2 * a - 7 * b + 11 * c);
  total += middle * (5 * c - b + 2 * d);
  total += near * (2 * c + 5 * d - e);
  return divided(total, 6 * (far + middle + near));
}
__device__ __forceinline__ real preference(real uneven, real rough) {
  real t = divided(uneven, rough + (real)(sizeof(real) == 8 ? 1e-40 : 1e-30));
  if (sizeof(real) == 4) t = smaller(t, (real)1e9);  // its square is still a float
  return 1 + t * t;
}
__device__ __forceinline__ real clipped(real x, real most) {
  return smaller(larger(x, (real)0), most);
}

// q + theta (q_face - q): the largest theta that keeps 0 <= q_face <= 2q and the middle
// non-negative
__device__ __forceinline__ Sides limited(real q, real below, real above) {
  const real middle = (real)1.5 * (q - (below + above) * (real)(1. / 6));
  const real least = smaller(smaller(below, above), middle);
  const real reach = larger(q - least, larger(below, above) - q);
  const real theta = reach > q ? divided(q, reach) : (real)1;
  return {clipped(q + theta * (below - q), 2 * q), clipped(q + theta * (above - q), 2 * q)};
}
#endif

// Of the cell at line[at]; at is known to the compiler.
__device__ __forceinline__ Sides sides(const real *line, int at) {
  const real q = line[at];
#if SCHEME == 0
  return {q, q};
#elif SCHEME == 1
  const real half = half_slope(line[at - 1], q, line[at + 1]);
  return {q - half, q + half};
#else
  const real a = line[at - 2], b = line[at - 1], d = line[at + 1], e = line[at + 2];
  real low = roughness((a + q) - 2 * b, (a + 3 * q) - 4 * b);
  real middle = roughness((b + d) - 2 * q, b - d);
  real high = roughness((e + q) - 2 * d, (e + 3 * q) - 4 * d);
  const real uneven = fabs(low - high);
  low = preference(uneven, low), middle = preference(uneven, middle),
  high = preference(uneven, high);
  return limited(q, combined(e, d, q, b, a, high, middle, low),
                 combined(a, b, q, d, e, low, middle, high));
#endif
}

// speed x the state that it comes from
__device__ __forceinline__ real upwind(real speed, real below, real above) {
  return speed * (speed > 0 ? below : above);
}
