// Pointers and references in every space, methods qualified by one, overloads that differ by it.
struct Pair {
  int a, b;
  int where() const device { return 1; }
  int where() const constant { return 2; }
  int where() const threadgroup { return 3; }
  int where() const thread { return 4; }
  int sum() const { return a + b; }
  void set(int x) device { a = x; }
  void set(int x) threadgroup { a = x + 1000; }
  void set(int x) thread { a = x + 2000; }
  int twice(int k) const device { return 10 * k; }
  int twice(int k) const thread;
  operator int() const thread { return a; }
  operator int() const device { return a + 100; }
  thread Pair& operator+=(int x) thread { a += x; return *this; }
  device Pair& operator+=(int x) device { a += 2 * x; return *this; }
};
int Pair::twice(int k) const thread { return 2 * k; }

template <typename T>
struct Reader {
  T v;
  T get() const device { return v + T(1); }
  T get() const threadgroup { return v + T(2); }
  T get() const thread { return v + T(3); }
};

int space(device const int&) { return 1; }
int space(constant const int&) { return 2; }
int space(threadgroup const int&) { return 3; }
int space(thread const int&) { return 4; }
int space(device int*) { return 10; }
int space(const constant int*) { return 20; }
int space(threadgroup int*) { return 30; }
int space(thread int*) { return 40; }

constant int kTable[4] = {3, 1, 4, 1};
constant Pair kPair = {7, 8};

void swap_values(thread int& a, thread int& b) { int t = a; a = b; b = t; }
void bump(device int& x) { x += 1; }
int first(constant int (&table)[4]) { return table[0]; }
int last(threadgroup int (*rows)[2]) { return rows[1][1]; }
float norm(thread const float3& v) { return metal::dot(v, v); }
void write(thread float (&x)[3]) { x[1] = 9; }

kernel void check(device int* out, const device int* in, constant int& scalar, device Pair* pairs) {
  Results r{out};
  threadgroup Pair shared;
  threadgroup int slots[2][2];
  shared.a = 5; shared.b = 6;
  slots[1][1] = 77;
  Pair local = {1, 2};
  pairs[0].a = 3; pairs[0].b = 4;
  r(pairs[0].where(), 1);
  r(kPair.where(), 2);
  r(shared.where(), 3);
  r(local.where(), 4);
  r(pairs[0].sum() + kPair.sum() + shared.sum() + local.sum(), 36);
  pairs[0].set(50); shared.set(50); local.set(50);
  r(pairs[0].a, 50);
  r(shared.a, 1050);
  r(local.a, 2050);
  r(pairs[0].twice(3) + local.twice(3), 36);
  r(int(local), 2050);
  r(int(pairs[0]), 150);
  local += 1; pairs[0] += 1;
  r(local.a, 2051);
  r(pairs[0].a, 52);
  device Pair* p = pairs;
  r(p->where(), 1);
  thread Pair* q = &local;
  r(q->where(), 4);
  threadgroup Pair& t = shared;
  r(t.where(), 3);
  Reader<int> reader{1};
  threadgroup Reader<int> shared_reader;
  shared_reader.v = 1;
  r(reader.get() * 10 + shared_reader.get(), 43);
  r(space(out[0]), 1);
  r(space(scalar), 2);
  r(space(slots[0][0]), 3);
  int x = 1, y = 2;
  r(space(x), 4);
  r(space(out), 10);
  r(space(&scalar), 20);
  r(space(slots[0]), 30);
  r(space(&x), 40);
  swap_values(x, y);
  r(x * 10 + y, 21);
  out[201] = 4;
  bump(out[201]);
  r(out[201], 5);
  r(first(kTable), 3);
  r(last(slots), 77);
  r(norm(float3(1, 2, 3)), 14);
  float values[3] = {1, 2, 3};
  write(values);
  r(values[1], 9);
  const device int* const end = in + 1;
  r(end - in, 1);
  device int* pointers[2] = {out + 202, out + 203};
  *pointers[1] = 6;
  r(out[203], 6);
  const device float* as_float = (const device float*)in;
  r(as_type<int>(as_float[0]), 12);
  device Pair* from_ints = reinterpret_cast<device Pair*>(out + 204);
  from_ints->b = 8;
  r(out[205], 8);
  device uchar* bytes = (device uchar*)(out + 206);
  bytes[0] = 1; bytes[1] = 1; bytes[2] = 0; bytes[3] = 0;
  r(out[206], 257);
  threadgroup int* null = nullptr;
  r(null == nullptr, 1);
  volatile device int* v = out + 207;
  *v = 3;
  r(*v, 3);
  constant int* inside = &kTable[1];
  r(inside[1], 4);
  auto d = in;
  r(d[0], 12);
  auto& ref = out[208];
  ref = 44;
  r(out[208], 44);
}
