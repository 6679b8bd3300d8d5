s_gpu = mx.new_stream(mx.gpu)

with mx.stream(s_gpu):
    result = mx.matmul(a, b)

mx.synchronize(s_gpu)  # Only at boundaries
