"""The rules on Python code, one file per family. Each class listens to the Follower and reports what it finds."""

from __future__ import annotations

from typing import Any

from .fft import Transforms
from .graph_breaks import GraphBreaks
from .kernel_calls import KernelCalls
from .kernel_texts import KernelTexts
from .numbers import Numbers


def listeners(report: Any) -> list[Any]:
    return [GraphBreaks(report), Numbers(report), Transforms(report), KernelCalls(report), KernelTexts(report)]
