# WRONG - Python arithmetic
tpg = 256
grid = ((total + tpg - 1) // tpg, 1, 1)  # Python scalars break buffer connections

# CORRECT - MLX ops, MLX scalars in tuples
tpg = mx.array(256, dtype=mx.uint32)
one = mx.array(1, dtype=mx.uint32)
total_mx = mx.array(total, dtype=mx.uint32)
num_groups = mx.divide(mx.add(total_mx, mx.subtract(tpg, one)), tpg)
grid = (num_groups, one, one)  # MLX scalars in tuple - GOOD
threadgroup = (tpg, one, one)
