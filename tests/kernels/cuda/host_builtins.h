// CUDA's names on the CPU, over host_shim.h: indices, barriers, warp exchanges, atomics,
// mathematics.
#pragma once
#define SHIM_EXPORT(sym, ...)                                                                      \
  extern "C" int sym(const int *g, const int *b, size_t s, void **a, const int *z, int n, int o) { \
    return shim::launch(&__VA_ARGS__, g, b, s, a, z, n, o);                                        \
  }
extern "C" const char *shim_error() { return shim::err; }
extern "C" void shim_last(long blocks) { shim::last_blocks = blocks; }
extern "C" long shim_switches() { return shim::nswitch; }
#define threadIdx (shim::cur->tid)
#define blockIdx (shim::bidx)
#define blockDim (shim::bdim)
#define gridDim (shim::gdim)
#define warpSize 32
#define __syncthreads() shim::barrier(__LINE__)
#define __syncwarp(...) (void)shim::exchange(0xffffffffu, 0, __LINE__)
#define SHIM_LANE (shim::cur->lin & 31)
#define __shfl_sync(m, v, s, ...) shim::shfl(m, v, s, __LINE__)
#define __shfl_xor_sync(m, v, o, ...) shim::shfl(m, v, SHIM_LANE ^ (o), __LINE__)
#define __shfl_down_sync(m, v, o, ...) \
  shim::shfl(m, v, SHIM_LANE + (o) < 32 ? SHIM_LANE + (o) : SHIM_LANE, __LINE__)
#define __shfl_up_sync(m, v, o, ...) \
  shim::shfl(m, v, SHIM_LANE - (o) >= 0 ? SHIM_LANE - (o) : SHIM_LANE, __LINE__)
static unsigned shim_ballot(unsigned m, int p, int line) {
  const uint64_t *s = shim::exchange(m, p != 0, line);
  unsigned r = 0;
  for (int l = 0; l < 32; l++)
    r |= (s[l] & (shim::warps[shim::cur->lin / 32].alive >> l) & 1u) << l;
  return r;
}
#define __ballot_sync(m, p) shim_ballot(m, p, __LINE__)
#define __any_sync(m, p) (shim_ballot(m, p, __LINE__) != 0)
template <class T, class Fn>
T shim_rmw(T *p, Fn fn) {
  T o, v;
  __atomic_load(p, &o, 0);
  do v = fn(o);
  while (!__atomic_compare_exchange(p, &o, &v, 0, 0, 0));
  return o;
}
template <class T>
T atomicAdd(T *p, std::common_type_t<T> v) {
  return shim_rmw(p, [=](T o) { return T(o + v); });
}
template <class T>
T atomicMax(T *p, std::common_type_t<T> v) {
  return shim_rmw(p, [=](T o) { return o < v ? v : o; });
}
template <class T>
T atomicMin(T *p, std::common_type_t<T> v) {
  return shim_rmw(p, [=](T o) { return v < o ? v : o; });
}
template <class T>
T atomicCAS(T *p, std::common_type_t<T> c, std::common_type_t<T> v) {
  return shim_rmw(p, [=](T o) { return o == c ? v : o; });
}
template <class T>
T __ldg(const T *p) {
  return *p;
}
template <class T>
T __ldcs(const T *p) {
  return *p;
}
template <class T>
void __stcs(T *p, T v) {
  *p = v;
}
static void __threadfence() {}
#define SHIM_F1(name, expr) \
  static inline float shim_##name(float x) { return expr; }
SHIM_F1(expf, expf(x))
SHIM_F1(logf, logf(x))
SHIM_F1(sinf, sinf(x)) SHIM_F1(cosf, cosf(x)) SHIM_F1(rsqrtf, 1.f / sqrtf(x))
#define __expf shim_expf  // macros, since glibc already declares __expf & co
#define __logf shim_logf
#define __sinf shim_sinf
#define __cosf shim_cosf
#define rsqrtf shim_rsqrtf
    static inline float __fdividef(float a, float b) {
  return a / b;
}
static inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1) : 0; }
static inline float __fadd_rn(float a, float b) {
  volatile float r = a + b;
  return r;
}
static inline float __fmul_rn(float a, float b) {
  volatile float r = a * b;
  return r;
}
static inline double __dmul_rn(double a, double b) { return a * b; }  // -ffp-contract=off
static inline float __fmaf_rd(float a, float b, float c) {  // rounded down
  const double p = (double)a * b, s = p + c, e = (p - (s - (s - p))) + (c - (s - p));  // p, s + e exact
  const float r = (float)s;
  return (double)r > s || ((double)r == s && e < 0) ? nextafterf(r, -INFINITY) : r;
}
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline long long __double_as_longlong(double f) {
  long long i;
  memcpy(&i, &f, 8);
  return i;
}
static inline double __longlong_as_double(long long i) {
  double f;
  memcpy(&f, &i, 8);
  return f;
}
static inline int __float_as_int(float f) {
  int i;
  memcpy(&i, &f, 4);
  return i;
}
static inline float __int_as_float(int i) {
  float f;
  memcpy(&f, &i, 4);
  return f;
}
using std::max;
using std::min;
