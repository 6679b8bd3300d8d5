// Enum classes, unions, bit-fields, 64-bit integers, structs of every kind.
enum class Op : uchar { add = 1, mul, sub = 10 };
enum Plain { red, green = 5, blue };
enum class Flags : uint { none = 0, a = 1, b = 2 };
constexpr Flags operator|(Flags x, Flags y) { return Flags(uint(x) | uint(y)); }
union Bits { float f; uint u; uchar4 bytes; ushort parts[2]; };
struct Fields { uint low : 4; uint mid : 10; int sign : 3; uint : 0; uint last : 5; bool flag : 1; };
struct Outer { struct Inner { int x; }; Inner inner; enum { one = 1 }; union { int i; float f; }; };
struct alignas(16) Aligned { float x; };
struct Packed { packed_float3 p; float w; packed_half2 h; };
struct Base { int x = 3; int get() const { return x; } };
struct Middle : Base { int y = 4; };
class Hidden { int secret = 5; public: int get() const { return secret; } friend int peek(thread const Hidden&); };
int peek(thread const Hidden& h) { return h.secret; }
struct Built { int a; float b; Built(int x) : a(x), b(x / 2.0f) {} Built() : Built(8) {} Built(thread const Built&) = default; };
struct Copies { int n; Copies(int k) : n(k) {} Copies(thread const Copies& o) : n(o.n + 1) {} thread Copies& operator=(thread const Copies& o) { n = o.n * 10; return *this; } };
struct Ends { thread int& n; ~Ends() { n += 1; } };
typedef struct { int a; int b; } Anonymous;
typedef float Row[3];
struct Incomplete;
struct Complete { device Incomplete* p; };

kernel void check(device int* out, const device int* in) {
  Results r{out};
  Op op = Op::mul;
  switch (op) { case Op::add: r(0, 1); break; case Op::mul: r(1, 1); break; default: r(0, 1); }
  r(int(Op::sub) + blue, 16);
  r(sizeof(Op) * 10 + sizeof(Plain), 14);
  r(uint(Flags::a | Flags::b), 3);
  Bits bits;
  bits.f = 1.0f;
  r(bits.u >> 23, 127);
  r(bits.bytes.w, 0x3f);
  r(bits.parts[1], 0x3f80);
  Fields f = {};
  f.low = in[0] + 5; f.mid = 1000; f.sign = -2; f.last = 31; f.flag = true;
  r(f.low, 1);
  r(f.mid, 1000);
  r(f.sign, -2);
  r(f.last + f.flag, 32);
  r(sizeof(Fields), 8);
  long big = 0x100000000l;
  ulong mask = ~0ul >> 1;
  r(big >> 30, 4);
  r(mask == 0x7fffffffffffffffUL, 1);
  r((int64_t(in[0]) * 1000000000000l) / 1000000000l, 12000);
  r(metal::mulhi(0xffffffffu, 16u), 15);
  r(metal::clz(big), 31);
  r(ulong(-1) > 0, 1);
  Outer::Inner inner{2};
  Outer outer{inner, {3}};
  r(outer.inner.x + outer.i + Outer::one, 6);
  r(sizeof(Aligned) + alignof(Aligned), 32);
  r(sizeof(Packed), 20);
  r(sizeof(float3) + alignof(packed_float3), 20);
  Middle m;
  r(m.get() * 10 + m.y, 34);
  Hidden h;
  r(peek(h) + h.get(), 10);
  Built b(3), c;
  Built copy = b;
  r(copy.b * 2 + c.a, 11);
  Copies one(1), two = one, three(0);
  three = two;
  r(two.n * 100 + three.n, 220);
  int ended = 0;
  { Ends e{ended}; }
  r(ended, 1);
  Anonymous anonymous = {1, 2};
  r(anonymous.a + anonymous.b, 3);
  Row row = {1, 2, 3};
  r(row[2], 3);
  struct Local { int k; int doubled() const { return 2 * k; } };
  r(Local{21}.doubled(), 42);
  r(sizeof(size_t) + sizeof(ptrdiff_t) + sizeof(bool), 17);
  char ch = 'a'; uchar wrap = 250; wrap += 10; short s = short(70000);
  r(ch + wrap, 101);
  r(s, 4464);
  r(true + 'b' - '\n', 89);
  r(0b1010 + 017 + 0x1F + 1'000, 1056);
}
