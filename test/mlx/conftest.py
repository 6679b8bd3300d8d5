"""These tests run with anymetal in MLX."""

import anymetal  # noqa: F401
