"""`anymetal lint`: how MLX code and Metal kernels go wrong, told before they run.

What comes in: paths. What goes out: findings, each with a rule, a place in the user's file, what happens and what to write instead. Between them:
source.py reads a file; follow.py follows names through its tree (frames.py, expressions.py, calls.py; values.py has what a name can be, mlx_api.py what
MLX's functions give); rules/ listens to it; kernels.py and metal_files.py find the kernels, `anymetal._native.lint_kernel` reads them, literals.py
brings its places home, also into Python strings. engine.py does one file, pool.py many, command.py is the command, formats/ writes, fix.py mends.
registry.py has every rule by its name. The chapter is docs/design/lint.md.
"""
