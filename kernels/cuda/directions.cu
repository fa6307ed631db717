// One number a direction, always in double: moments over a, velocities on the faces, outflow. The
// twins of reference/moments.py and reference/faces.py.

// M_p = sum_i a_i^p rho_i w, p = 0, 1, 2, (3, directions); one warp a column.
extern "C" __global__ void moments(const real *__restrict__ rho,
                                   const double *__restrict__ a_values, double weight,
                                   int directions, int count, double *__restrict__ out) {
  const int direction = item();
  if (direction >= directions) return;
  const real *column = rho + (size_t)direction * count;
  double zeroth = 0, first = 0, second = 0;
  for (int a = threadIdx.x; a < count; a += 32) {
    const double q = column[a], value = a_values[a];
    zeroth += q, first += value * q, second += value * value * q;
  }
  zeroth = warp_sum(zeroth), first = warp_sum(first), second = warp_sum(second);
  if (threadIdx.x) return;
  out[direction] = weight * zeroth;
  out[directions + direction] = weight * first;
  out[2 * directions + direction] = weight * second;
}

// Covector x measure . field on every face of one axis: four-point interpolation along the panel's
// lines, one-sided next to an edge; on the edge the field's own value. gradient (directions, d),
// edge (slots, n^(d-2), d), weights and out on the faces.
extern "C" __global__ void face_velocities(const double *__restrict__ gradient,
                                           const double *__restrict__ edge,
                                           const double *__restrict__ weights, int axis, int n,
                                           double *__restrict__ out) {
  const int rests = power(n, AXES - 1), stride = stride_of(axis, n), per_panel = rests * (n + 1);
  const int face = blockIdx.x * blockDim.x + threadIdx.x;
  if (face >= PANELS * per_panel) return;
  const int panel = face / per_panel, place = face % per_panel, at = place / stride % (n + 1);
  const int rest = without(place, stride, n + 1), slot = (panel * AXES + axis) * 2 + (at == n);
  const double *own = weights + (size_t)face * DIMENSION;
  double total = 0;
  if (at == 0 || at == n) {
    const double *value = edge + ((size_t)slot * rests + rest) * DIMENSION;
    for (int k = 0; k < DIMENSION; k++) total += own[k] * value[k];
  } else {
    const bool beginning = at == 1, end = at == n - 1;
    const int first = beginning ? 0
                      : end     ? n - 1
                                : at - 2,
              step = end && !beginning ? -stride : stride;
    const double *value =
        gradient + ((size_t)panel * rests * n + within(rest, stride, n, first)) * DIMENSION;
    const long long next = (long long)step * DIMENSION;
    const bool one_sided = beginning || end;
    const double c0 = one_sided ? 5 : -1, c1 = one_sided ? 15 : 9, c2 = one_sided ? -5 : 9;
    const double c3 = one_sided ? 1 : -1;
    for (int k = 0; k < DIMENSION; k++) {
      const double *at_k = value + k;
      total += own[k] *
               ((c0 * at_k[0] + c1 * at_k[next] + c2 * at_k[2 * next] + c3 * at_k[3 * next]) / 16);
    }
  }
  out[face] = total;
}

// Share of a cell that leaves it in unit time through the faces of one axis, for a = +1 and a = -1,
// (2, directions); added to what is there, unless `first`.
extern "C" __global__ void outflow(const double *__restrict__ faces,
                                   const double *__restrict__ volume, int axis, int n, int first,
                                   double *out) {
  const int directions = PANELS * power(n, AXES), direction = blockIdx.x * blockDim.x + threadIdx.x;
  if (direction >= directions) return;
  const double low = faces[face_of(direction, axis, 0, n)],
               high = faces[face_of(direction, axis, 1, n)];
  double *plus = out + direction, *minus = out + directions + direction;
  const double share = 1 / volume[direction];
  *plus = (first ? 0 : *plus) + share * (larger(high, 0.) - smaller(low, 0.));
  *minus = (first ? 0 : *minus) + share * (larger(low, 0.) - smaller(high, 0.));
}
