# WRONG - Python operators
y = x * 2 + 1  # Triggers float64 promotion, breaks lazy graph
z = x / n      # Python scalar division

# CORRECT - Backend operations
two = mx.array(2.0, dtype=mx.float32)
one = mx.array(1.0, dtype=mx.float32)
y = mx.add(mx.multiply(x, two), one)

n_mx = mx.array(n, dtype=mx.float32)
z = mx.divide(x, n_mx)
