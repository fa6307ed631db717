// What a thread works on: a tile of PACK values of a in ROWS cells beside each other along the last
// axis, with which it marches along the first one. PACK and ROWS are defined from outside; they
// divide the number of values and n, and arrays are aligned to them.

constexpr int LAST = AXES - 1;  // the axis of a tile's rows, unless it is that of the march
static_assert(LAST || ROWS == 1, "on the circle there is the march alone");

struct alignas(sizeof(real) * PACK) Cells {
  real at[PACK];
};
struct alignas(sizeof(real) * ROWS) Rows {
  real at[ROWS];
};
__device__ __forceinline__ Cells cells_at(const real *x) {
  return *reinterpret_cast<const Cells *>(x);
}
__device__ __forceinline__ Rows rows_at(const real *x) {
  return *reinterpret_cast<const Rows *>(x);
}

// All ones where x < 0, else 0; and the first of two numbers under ones, the second under zeros. A
// condition would become a branch, in which the compiler does half of the work twice.
__device__ __forceinline__ int negative(int x) { return x >> 31; }
__device__ __forceinline__ float chosen(int ones, float x, float y) {
  return __int_as_float(((__float_as_int(x) ^ __float_as_int(y)) & ones) ^ __float_as_int(y));
}
__device__ __forceinline__ double chosen(int ones, double x, double y) {
  const long long differ = __double_as_longlong(x) ^ __double_as_longlong(y);
  return __longlong_as_double((differ & ones) ^ __double_as_longlong(y));
}

// Where a thread stands in its columns, and what moves them along a.
//   a, value     index of its first cell, and the values of all
//   bottom, top  ones where it has the cell at that wall, else 0; repeats: ones where the cells are
//                another lane's too, which counts them
//   half_width   of a cell; pull: ridge outer_rate over a width; varied: whether the speed is not
//                one a column
struct Columns {
  Cells value;
  int a, count, bottom, top, repeats;
  real half_width, pull;
  bool varied;

  __device__ __forceinline__ void begin(const real *a_values, int first, int values) {
    value = cells_at(a_values + first), a = first, count = values;
    bottom = negative(a - 1), top = ~negative(a + PACK - count);
  }
};

// da/dt over the width of a cell through face k of a thread's cells; `speed` is that at a = 0.
__device__ __forceinline__ real pulled(const Columns &c, real speed, int k) {
  const real edge = k ? c.value.at[k - 1] + c.half_width : c.value.at[0] - c.half_width;
  return speed - c.pull * edge;
}

// The march of a thread: from cell `first` of the first axis to the one before `last`, at `place`
// in its panel; lanes beyond the last cell or tile do that one's work again, and write nothing.
struct Way {
  int panel, place, first, last, a, asked;
  bool writes;
};
__device__ __forceinline__ Way way_of(int n, int count, int chunk) {
  const int rests = power(n, AXES - 1), tiles = rests / ROWS;
  const int line = min(item(), PANELS * tiles - 1);
  Way way;
  way.panel = line / tiles;
  way.asked = (blockIdx.z * blockDim.x + threadIdx.x) * PACK, way.a = min(way.asked, count - PACK);
  way.writes = way.a == way.asked && line == item();
  way.first = blockIdx.y * chunk, way.last = min(n, way.first + chunk);
  way.place = way.first * rests + line % tiles * ROWS;
  return way;
}

// Numbers of a tile's faces in arrays (d-1, 2d n^(d-2) (n+1)): the low one of its first row along
// every axis.
struct FaceNumbers {
  int low[AXES], step;

  __device__ __forceinline__ void begin(int panel, int place, int n) {
    step = power(n, AXES - 1) / n * (n + 1);
#pragma unroll UNROLLED
    for (int axis = 0; axis < AXES; axis++)
      low[axis] = axis * PANELS * n * step + face_of(panel * power(n, AXES) + place, axis, 0, n);
  }
  __device__ __forceinline__ void advance(int n) {
    low[0] += power(n, AXES - 1);
#pragma unroll UNROLLED
    for (int axis = 1; axis < AXES; axis++) low[axis] += step;
  }
};
