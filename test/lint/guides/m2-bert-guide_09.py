# WRONG - can't load .metal files with full signatures
source = open("MyKernel.metal").read()
kernel = mx.fast.metal_kernel(source=source)  # Will fail
