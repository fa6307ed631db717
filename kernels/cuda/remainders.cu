// The nonlinear parts of the activations and their derivatives: the twins of
// reference/activations.py. REMAINDER is one of the names below. In double by the library's
// functions; in float by formulas good to a few 1e-7, most of them on the special-function units.
//
// parameters (2 knots,): bounds, then weights, of bent and clipped; of overlap see there; null for
// the others.

#define ABS 0
#define SQUARE 1
#define COS 2
#define GELU 3
#define SOFTPLUS 4
#define ERF 5
#define TANH 6
#define SIN 7
#define SIGN 8
#define BENT 9
#define CLIPPED 10
#define OVERLAP 11

// value(z) = z slope(z) / DEGREE where that is not 0, and then no sum of values is taken.
constexpr int DEGREE = REMAINDER == ABS ? 1 : REMAINDER == SQUARE ? 2 : 0;

// Where the sign of z matters, z is of unit vectors, and less PAIR_TIE for the slope of |z|.
constexpr bool UNIT_SLOPES = REMAINDER == ABS || REMAINDER == SIGN;
constexpr bool UNIT_VALUES = REMAINDER == SIGN;

#if REMAINDER == ABS || REMAINDER == SQUARE || REMAINDER == SIGN || REMAINDER == BENT || \
    REMAINDER == CLIPPED
__device__ __forceinline__ void remainder_of(real z, const real *parameters, int knots, real &value,
                                             real &slope) {
#if REMAINDER == ABS
  value = fabs(z), slope = z > 0 ? (real)1 : (real)-1;  // from the left at 0
#elif REMAINDER == SQUARE
  value = z * z, slope = 2 * z;
#elif REMAINDER == SIGN
  value = (real)((z > PAIR_TIE) - (z < -PAIR_TIE)), slope = 0;
#else
  value = 0, slope = 0;
  for (int i = 0; i < knots; i++) {
    const real bound = parameters[i], weight = parameters[knots + i];
#if REMAINDER == BENT
    value += weight * larger((real)fabs(z), bound);
    slope += weight * ((z > bound) - (z <= -bound));
#else
    value += weight * smaller(larger(z, -bound), bound);
    slope += weight * (z > -bound && z <= bound);
#endif
  }
#endif
}
#elif REMAINDER == OVERLAP
// A dual kernel of the cosine z of two neurons, of definite parity: value and slope are Chebyshev
// series in 2 x^2 - 1, x = (2/pi) asin z, and the odd one of them times x; then jump asin z, whose
// slope counts as 0 within 64 eps of the ends. parameters: of the value, the jump; of the slope,
// the parity.
__device__ __forceinline__ void remainder_of(real z, const real *parameters, int knots, real &value,
                                             real &slope) {
  const real ends = (real)(sizeof(real) == 8 ? 1.4210854715202004e-14 : 7.62939453125e-6);
  const real jump = parameters[knots - 1], square = (1 - z) * (1 + z);
  const bool inside = square > ends;
  if (fabs(z) > 1 || (jump != 0 && !inside)) z = z > 0 ? (real)1 : (real)-1;
  const real angle = asin(z), x = (real)0.63661977236758134 * angle, twice = 4 * x * x - 2;
  real v = 0, w = 0, s = 0, t = 0;
  for (int n = knots - 2; n > 0; n--) {
    const real next = fma(twice, v, parameters[n] - w);
    const real after = fma(twice, s, parameters[knots + n] - t);
    w = v, v = next, t = s, s = after;
  }
  value = fma((real)0.5 * twice, v, parameters[0] - w);
  slope = fma((real)0.5 * twice, s, parameters[knots] - t);
  if (parameters[2 * knots - 1] > 0)
    slope *= x;
  else
    value *= x;
  if (jump == 0) return;
  value += jump * angle;
  if (inside) slope += jump / sqrt(square);
}
#else
__device__ __forceinline__ void remainder_of(double z, const double *, int, double &value,
                                             double &slope) {
#if REMAINDER == COS
  value = cos(z), slope = -sin(z);
#elif REMAINDER == SIN
  value = sin(z), slope = cos(z);
#elif REMAINDER == TANH
  value = tanh(z), slope = 1 - value * value;
#elif REMAINDER == ERF
  value = erf(z), slope = 1.1283791670955126 * exp(-z * z);
#elif REMAINDER == GELU
  const double half = 0.5 * erf(0.70710678118654752 * z);
  value = z * half, slope = half + z * exp(-0.5 * z * z) * 0.39894228040143268;
#elif REMAINDER == SOFTPLUS
  value = 0.5 * fabs(z) + log1p(exp(-fabs(z))), slope = 0.5 * tanh(0.5 * z);
#endif
}

#if REMAINDER == COS || REMAINDER == SIN
// z less the nearest multiple of 2 pi, in two words; that multiple by rounding against 1.5 2^23.
__device__ __forceinline__ float turned(float z) {
  const float turns = __fadd_rn(fmaf(z, 0.15915494309f, 12582912.f), -12582912.f);
  return fmaf(turns, 1.74845553e-7f, fmaf(turns, -6.28318548202514648f, z));
}
#elif REMAINDER == ERF || REMAINDER == GELU
// erf within 1.5e-7, and g = exp(-y^2): Abramowitz and Stegun, 7.1.26.
__device__ __forceinline__ float erf_of(float y, float &g) {
  const float t = __fdividef(1.f, fmaf(0.3275911f, fabsf(y), 1.f));
  const float p =
      fmaf(t, fmaf(t, fmaf(t, fmaf(t, 1.061405429f, -1.453152027f), 1.421413741f), -0.284496736f),
           0.254829592f) *
      t;
  g = __expf(-y * y);
  return copysignf(fmaf(-p, g, 1.f), y);
}
#endif
__device__ __forceinline__ void remainder_of(float z, const float *, int, float &value,
                                             float &slope) {
#if REMAINDER == COS
  z = turned(z), value = __cosf(z), slope = -__sinf(z);
#elif REMAINDER == SIN
  z = turned(z), value = __sinf(z), slope = __cosf(z);
#elif REMAINDER == TANH
  value = fmaf(-2.f, __fdividef(1.f, 1.f + __expf(2.f * z)), 1.f), slope = fmaf(-value, value, 1.f);
#elif REMAINDER == ERF
  value = erf_of(z, slope), slope *= 1.1283791671f;
#elif REMAINDER == GELU
  float g;
  const float half = 0.5f * erf_of(0.70710678f * z, g);
  value = z * half, slope = fmaf(z, 0.39894228f * g, half);
#elif REMAINDER == SOFTPLUS
  const float e = __expf(-fabsf(z)), r = __fdividef(1.f, 1.f + e);
  value = fmaf(0.5f, fabsf(z), __logf(1.f + e)), slope = copysignf(0.5f * (1.f - e) * r, z);
#endif
}
#endif
