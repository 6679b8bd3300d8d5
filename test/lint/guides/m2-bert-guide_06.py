# WRONG - Graph breaks
if x.max() > threshold:  # .max() returns mx.array, comparison converts to Python
    ...

# WRONG - Explicit extraction
val = float(x[0])  # Destroys buffer connection
val = x[0].item()  # Forces GPU→CPU copy

# CORRECT - Stay in MLX
threshold_mx = mx.array(threshold, dtype=x.dtype)
mask = mx.greater(x, threshold_mx)
result = mx.where(mask, x, mx.zeros_like(x))
