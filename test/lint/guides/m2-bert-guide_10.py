# ACCEPTABLE - loop indices can be Python ints
for i in range(channels):  # OK - loop index
    ...

# WRONG - tensor operations with Python scalars
y = x * 0.5  # BAD - Python float
