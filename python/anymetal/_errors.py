"""What can go wrong with a Library. Wrong arguments are ValueError and TypeError."""

from __future__ import annotations


class CompileError(ValueError):
    """The Metal text is wrong. The message shows each place with its line and a caret."""


class UnsupportedError(CompileError, NotImplementedError):
    """The text is legal Metal that isn't supported yet."""


class KernelError(RuntimeError):
    """The kernel did something wrong while it ran, such as an access outside a buffer."""


class StoppedError(TimeoutError):
    """The kernel was stopped before its end (ANYMETAL_TIMEOUT), and its outputs are incomplete; or its compilation was
    (ANYMETAL_COMPILE_TIMEOUT)."""


class EnvironmentFault(OSError):
    """The machine lacks something: a file, memory."""


class InternalError(RuntimeError):
    """A fault of anymetal itself."""
