# case: a step of a training
import mlx.core as mx

def train(model, optimizer, step, batches):
    for batch in batches:
        loss = step(batch)
        mx.eval(model.parameters(), optimizer.state)
# case: timing
import time
import mlx.core as mx

def bench(x: mx.array):
    start = time.perf_counter()
    for _ in range(10):
        x = mx.exp(x)
        mx.eval(x)
    return time.perf_counter() - start
# case: a model in each turn
import mlx.core as mx

def sample(model, latents: mx.array, steps):
    for t in range(steps):
        latents = model(latents, t)
        mx.eval(latents)
    return latents
# case: every few turns
import mlx.core as mx

def iterate(x: mx.array):
    for i in range(1000):
        x = mx.cos(x)
        if i % 50 == 0:
            mx.eval(x)
    return x
# case: stops when it has converged
import mlx.core as mx

def iterate(x: mx.array):
    for i in range(1000):
        y = mx.cos(x)
        mx.eval(y)
        if mx.abs(y - x).item() < 1e-6:
            break
        x = y
    return x
# case: behind the loop
import mlx.core as mx

def iterate(x: mx.array):
    for _ in range(10):
        x = mx.cos(x)
    mx.eval(x)
    return x
