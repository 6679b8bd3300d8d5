# WRONG - shape extraction loses buffer connection
shape = x.shape
scale = mx.array(shape[0])  # New buffer, x connection lost
