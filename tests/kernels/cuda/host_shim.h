// Runs CUDA C++ on the CPU: one fiber a thread of a block, one thread of the system, deterministic.
//
//   g++ -x c++ -include host_shim.h kernels.cu
//
// `order` says which thread of a block runs first between barriers: 0 as numbered, 1 backwards,
// else a seed. Shared memory is NaN before every block. Barriers that some threads miss, deadlock,
// wrong masks, and arguments of a wrong number or size are errors. AddressSanitizer and
// ThreadSanitizer are told of the fibers, so they see what a GPU would do. Names of CUDA:
// host_builtins.h.
#pragma once
#include <math.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>
#include <algorithm>
#include <random>
#define SHIM_HOST 1
#define NOTSAN __attribute__((noinline, no_sanitize("thread")))  // shim state is invisible to TSan
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif
#if !defined(__x86_64__) || defined(SHIM_UCONTEXT)
#include <ucontext.h>
#define SHIM_UC 1
#endif
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __grid_constant__
// static shared memory: gathered in one section, so it can be poisoned (use DYN_SHARED inside
// templates)
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static  // a named section would lose ASan's red zones
#else
#define __shared__ static __attribute__((section("cu_shared")))
#endif
#define DYN_SHARED(T, name) T *name = reinterpret_cast<T *>(shim::dyn.data())
extern "C" char __start_cu_shared[] __attribute__((weak)), __stop_cu_shared[] __attribute__((weak));
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
#define SHIM_VEC(T, N)                                                            \
  struct alignas(sizeof(T) * 2) N##2 { T x, y; };                                 \
  struct N##3 { T x, y, z; };                                                     \
  struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) N##4 { T x, y, z, w; }; \
  inline N##2 make_##N##2(T x, T y) { return {x, y}; }                            \
  inline N##3 make_##N##3(T x, T y, T z) { return {x, y, z}; }                    \
  inline N##4 make_##N##4(T x, T y, T z, T w) { return {x, y, z, w}; }
SHIM_VEC(float, float)
SHIM_VEC(double, double) SHIM_VEC(int, int) SHIM_VEC(unsigned, uint) namespace shim {
  enum State { READY, BAR, WARP, DONE };
  struct Fiber {
    uint3 tid;
    int lin;
    State st;
    int line;
    char *stk;
    void *sp;
    void *fake;
    void *tsan;
#ifdef SHIM_UC
    ucontext_t uc;
#endif
  };
  struct Warp {
    uint64_t slot[2][32];
    unsigned arrived, gen, alive, exited;
  };
  static std::vector<Fiber> fib;
  static std::vector<Warp> warps;
  static Fiber *F;
  static Warp *W;
  static std::vector<char> dyn;
  static Fiber *cur;
  static uint3 bidx;
  static dim3 bdim, gdim;
  static void (*body)(void *);
  static void *body_arg;
  static int alive_n;
  static char err[256];
  static size_t stksz = 128 << 10;
  static long last_blocks;  // so many of a launch run, from the end; 0: all
  static long nswitch;
  static void *main_sp, *main_fake, *main_tsan;
  static const void *main_bot;
  static size_t main_sz;
  static int tag_start, tag_end, tag_bar[2], bar_phase;
#ifdef SHIM_UC
  static ucontext_t main_uc;
#else
  extern "C" void shim_switch_(void **save, void *to);
  asm(".text\n.local shim_switch_\n.type shim_switch_,@function\nshim_switch_:\n pushq %rbp\n "
      "pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      " movq %rsp,(%rdi)\n movq %rsi,%rsp\n popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq "
      "%rbx\n popq %rbp\n ret\n.size shim_switch_,.-shim_switch_\n");
#endif
  NOTSAN static void to_main(bool dying) {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(dying ? nullptr : &cur->fake, main_bot, main_sz);
#endif
#ifdef __SANITIZE_THREAD__
    __tsan_switch_to_fiber(main_tsan, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SHIM_UC
    swapcontext(&cur->uc, &main_uc);
#else
    shim_switch_(&cur->sp, main_sp);
#endif
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(cur->fake, &main_bot, &main_sz);
#endif
  }
  static void hb_release(void *t) {
#ifdef __SANITIZE_THREAD__
    __tsan_release(t);
#endif
  }
  static void hb_acquire(void *t) {
#ifdef __SANITIZE_THREAD__
    __tsan_acquire(t);
#endif
  }
  NOTSAN static void entry() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &main_bot, &main_sz);
#endif
    for (;;) {
      hb_acquire(&tag_start);
      body(body_arg);
      hb_release(&tag_end);
      cur->st = DONE;
      alive_n--;
      Warp &w = W[cur->lin / 32];
      w.alive &= ~(1u << (cur->lin % 32));
      w.exited |= 1u << (cur->lin % 32);
      if (w.alive && w.arrived == w.alive)
        snprintf(err, sizeof err, "thread %d exited while its warp waits in a *_sync call",
                 cur->lin);
      to_main(false);
    }
  }
  NOTSAN static void resume(Fiber & f) {
    cur = &f;
    nswitch++;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&main_fake, f.stk, stksz);
#endif
#ifdef __SANITIZE_THREAD__
    __tsan_switch_to_fiber(f.tsan, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SHIM_UC
    swapcontext(&main_uc, &f.uc);
#else
    shim_switch_(&main_sp, f.sp);
#endif
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(main_fake, nullptr, nullptr);
#endif
  }
  static void make_fibers(int n) {
    while ((int)fib.size() < n) {
      Fiber f{};
      f.stk = (char *)aligned_alloc(64, stksz);
      memset(f.stk, 0, stksz);
#ifdef __SANITIZE_THREAD__
      f.tsan = __tsan_create_fiber(0);
#endif
      fib.push_back(f);
#ifndef SHIM_UC
      void **p = (void **)(f.stk + stksz - 64 -
                           fib.size() % 61 * 320);  // stagger, or all stacks alias in L1
      *--p = nullptr;
      *--p = (void *)entry;  // rsp%16==8 on entry
      for (int i = 0; i < 6; i++) *--p = nullptr;
      fib.back().sp = p;
#endif
    }
#ifdef SHIM_UC
    static size_t made = 0;
    if (made < fib.size())
      for (auto &f : fib) {
        getcontext(&f.uc);
        f.uc.uc_stack.ss_sp = f.stk;
        f.uc.uc_stack.ss_size = stksz;
        makecontext(&f.uc, entry, 0);
      }
    made = fib.size();
#endif
  }
  NOTSAN static void wait(State s, int line) {
    cur->st = s;
    cur->line = line;
    to_main(false);
  }
  NOTSAN static void barrier(int line) {
    int p = bar_phase & 1;
    hb_release(&tag_bar[p]);
    wait(BAR, line);
    hb_acquire(&tag_bar[p]);
  }  // parity: phase p+1 must not leak into p
  // exchange v among the live lanes of the warp; returns the 32 values (generation-parity double
  // buffer)
  NOTSAN static const uint64_t *exchange(unsigned mask, uint64_t v, int line) {
    int lane = cur->lin % 32;
    Warp &w = W[cur->lin / 32];
    unsigned g = w.gen & 1;
    if ((mask & w.alive) != w.alive || (mask & w.exited))
      snprintf(err, sizeof err,
               "line %d: *_sync mask %08x, but live lanes are %08x and exited lanes %08x", line,
               mask, w.alive, w.exited);
    w.slot[g][lane] = v;
    w.arrived |= 1u << lane;
    hb_release(&w.slot[g]);
    if (w.arrived == w.alive) {
      w.arrived = 0;
      w.gen++;
      for (int l = 0; l < 32; l++)
        if (w.alive >> l & 1) F[(cur->lin & ~31) + l].st = READY;
    } else
      wait(WARP, line);
    hb_acquire(&w.slot[g]);
    return w.slot[g];
  }
  template <class T>
  T shfl(unsigned mask, T v, int src, int line) {
    static_assert(sizeof(T) <= 8, "shfl");
    uint64_t u = 0;
    memcpy(&u, &v, sizeof v);
    const uint64_t *s = exchange(mask, u, line);
    T r;
    memcpy(&r, &s[src & 31], sizeof r);
    return r;
  }
  NOTSAN static int run_block(int n, int order) {
    warps.assign((n + 31) / 32, Warp{});
    F = fib.data();
    W = warps.data();
    for (int t = 0; t < n; t++) {
      Fiber &f = fib[t];
      f.lin = t;
      f.tid = {t % bdim.x, t / bdim.x % bdim.y, t / (bdim.x * bdim.y)};
      f.st = READY;
      warps[t / 32].alive |= 1u << (t % 32);
    }
    if (__start_cu_shared) memset(__start_cu_shared, 0xFF, __stop_cu_shared - __start_cu_shared);
    if (!dyn.empty()) memset(dyn.data(), 0xFF, dyn.size());
    std::vector<int> ord(n);
    for (int i = 0; i < n; i++) ord[i] = order == 1 ? n - 1 - i : i;
    std::mt19937 rng(order);
    alive_n = n;
    hb_release(&tag_start);
    while (alive_n > 0) {
      bool ran = false;
      if (order > 1) std::shuffle(ord.begin(), ord.end(), rng);
      for (int t : ord)
        if (fib[t].st == READY) {
          ran = true;
          resume(fib[t]);
          if (err[0]) return 1;
        }
      if (ran) continue;
      int line = 0, nb = 0;
      for (int t = 0; t < n; t++)
        if (fib[t].st != DONE) {
          if (fib[t].st == WARP) {
            snprintf(err, sizeof err, "deadlock: thread %d waits in a *_sync call at line %d", t,
                     fib[t].line);
            return 1;
          }
          nb++;
          if (!line) line = fib[t].line;
          if (line != fib[t].line) {
            snprintf(err, sizeof err, "barrier divergence: lines %d and %d", line, fib[t].line);
            return 1;
          }
        }
      if (nb != n) {
        snprintf(err, sizeof err,
                 "barrier at line %d reached by %d of %d threads (others returned)", line, nb, n);
        return 1;
      }
      for (int t = 0; t < n; t++) fib[t].st = READY;
      bar_phase++;
    }
    hb_acquire(&tag_end);
    return 0;
  }
  template <class... A, size_t... I>
  void call_(void (*k)(A...), void **a, std::index_sequence<I...>) {
    k(*(std::remove_const_t<A> *)a[I]...);
  }
  template <class... A>
  int launch(void (*k)(A...), const int *g, const int *b, size_t smem, void **args,
             const int *sizes, int nargs, int order) {
    const int want[] = {(int)sizeof(A)..., 0};
    err[0] = 0;
    if (nargs != (int)sizeof...(A)) {
      snprintf(err, sizeof err, "kernel takes %d arguments, got %d", (int)sizeof...(A), nargs);
      return 2;
    }
    for (int i = 0; i < nargs; i++)
      if (sizes[i] != want[i]) {
        snprintf(err, sizeof err, "argument %d: kernel wants %d bytes, got %d", i, want[i],
                 sizes[i]);
        return 2;
      }
    gdim = dim3(g[0], g[1], g[2]);
    bdim = dim3(b[0], b[1], b[2]);
    int n = b[0] * b[1] * b[2];
    if (n > 1024 || n < 1) {
      snprintf(err, sizeof err, "block of %d threads", n);
      return 2;
    }
    dyn.clear();
    dyn.shrink_to_fit();
    dyn.resize(smem);
    make_fibers(n);
    auto f = [&] { call_(k, args, std::index_sequence_for<A...>{}); };
    body = [](void *p) { (*(decltype(f) *)p)(); };
    body_arg = &f;
#ifdef __SANITIZE_THREAD__
    main_tsan = __tsan_get_current_fiber();
#endif
    long nb = (long)g[0] * g[1] * g[2];
    const long from = last_blocks && last_blocks < nb ? nb - last_blocks : 0;
    for (long q = from; q < nb; q++) {
      long i = order == 1 ? nb - 1 - (q - from) : q;
      bidx = {unsigned(i % g[0]), unsigned(i / g[0] % g[1]), unsigned(i / ((long)g[0] * g[1]))};
      if (run_block(n, order)) {
        for (auto &f : fib) free(f.stk);
        fib.clear();
        return 1;
      }
    }
    return 0;
  }
}  // namespace shim
#include "host_builtins.h"
