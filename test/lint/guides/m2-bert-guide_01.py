# WRONG - buffer destroyed
x = mx.array([1, 2, 3])
val = x[0].item()  # GPU→CPU copy, graph break
y = mx.array(val)  # New buffer, original x connection lost

# CORRECT - stay in MLX
x = mx.array([1, 2, 3])
y = x[0]  # Still an mx.array, lazy, same buffer family
