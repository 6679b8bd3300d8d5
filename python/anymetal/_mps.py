"""torch's device "mps" on a machine that has none: tensors of the CPU take its place.

``emulate_mps()`` makes ``torch.mps`` and ``torch.backends.mps`` answer as on a Mac, and lets "mps" be named wherever
torch takes a device. Tensors that a script puts there are tensors of the CPU with a mark: their ``device`` is "mps", what is
computed from them is marked too, and moving between "cpu" and "mps" copies, as it does on a Mac. torch's own operators run as
on the CPU. What can't be emulated is an error that says so.

How: torch hands every call that concerns tensors to the innermost ``TorchFunctionMode``, which is the way that
``torch.set_default_device`` uses as well. The mode belongs to one thread; others are given theirs when they start.
"""

from __future__ import annotations

import threading
from typing import Any

from ._when_imported import when_imported

_MARK = "_anymetal_mps"


def emulate_mps() -> None:
    """Makes "mps" work in this process; does nothing on a Mac with MPS, or when it is done already."""
    global _mode
    import torch

    if _mode is not None or torch.backends.mps.is_available():
        return
    _mode = _make_mode(torch)
    _patch_modules(torch)
    _mode.__enter__()
    _patch_threads()


def emulate_mps_when_imported() -> None:
    """The same as soon as somebody imports torch."""
    when_imported("torch", lambda module: emulate_mps())


_mode: Any = None


def _is_mps(device: Any) -> bool:
    if isinstance(device, str):
        return device == "mps" or device.startswith("mps:")
    return getattr(device, "type", None) == "mps"


def _make_mode(torch: Any) -> Any:
    from torch.overrides import TorchFunctionMode

    tensor = torch.Tensor
    device_of = tensor.device.__get__
    answers = {tensor.is_mps.__get__: True, tensor.is_cpu.__get__: False, tensor.get_device: 0}
    set_data = tensor.data.__set__
    set_grad = tensor.grad.__set__
    queries = {*answers, tensor.__repr__, tensor.__format__, tensor.data_ptr, tensor.untyped_storage, tensor.storage_offset,
               tensor.element_size, tensor.numel, tensor.size, tensor.stride, tensor.dim}
    plain = {torch.device, torch._C._nn._parse_to}

    def marked(value: Any) -> bool:
        return isinstance(value, tensor) and (_MARK in value.__dict__ or _in_backward(torch))

    def any_marked(values: Any) -> bool:
        for value in values:
            if isinstance(value, tensor):
                if marked(value):
                    return True
            elif isinstance(value, (list, tuple)) and any_marked(value):
                return True
        return False

    def mark(value: Any) -> Any:
        if isinstance(value, tensor):
            if value.dtype in (torch.float64, torch.complex128):
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. "
                                "Please use float32 instead.")
            value.__dict__[_MARK] = True
            global _used
            _used = True
        elif isinstance(value, (list, tuple)):
            for each in value:
                mark(each)
        return value

    def unmark(value: Any) -> Any:
        if isinstance(value, tensor):
            value.__dict__.pop(_MARK, None)
        return value

    def move(source: Any, run: Any, to_mps: bool) -> Any:
        """To another device: another memory."""
        result = run()
        if isinstance(result, tensor) and marked(source) != to_mps and result.data_ptr() == source.data_ptr():
            result = result.clone() if result.numel() else result.detach().clone()
        return mark(result) if to_mps else unmark(result)

    class EmulatedMps(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if function == device_of:
                return torch.device("mps", 0) if marked(args[0]) else function(*args, **kwargs)
            if function in answers and marked(args[0]):
                return answers[function]
            if function is tensor.__repr__ and marked(args[0]):
                return function(*args, **kwargs)[:-1] + ", device='mps:0')"
            if function is tensor.type and len(args) == 1 and not kwargs and marked(args[0]):
                return function(*args).replace("torch.", "torch.mps.", 1)
            if function in plain or function in queries:
                return function(*args, **kwargs)
            if function in (set_data, set_grad):
                result = function(*args, **kwargs)
                if len(args) > 1 and isinstance(args[1], tensor) and function == set_data:
                    (mark if marked(args[1]) else unmark)(args[0])
                return result
            if function is tensor.cpu:
                return move(args[0], lambda: function(*args, **kwargs), False)
            if function is tensor.to:
                return self.to(args, kwargs)
            return self.compute(function, args, kwargs)

        def to(self, args: Any, kwargs: Any) -> Any:
            source, *rest = args
            kwargs = dict(kwargs)
            wanted = kwargs.get("device")
            if "device" not in kwargs:
                for i, each in enumerate(rest):
                    if isinstance(each, (str, torch.device)):
                        wanted = each
                    elif isinstance(each, tensor):
                        wanted = torch.device("mps" if marked(each) else "cpu")
            to_mps = marked(source) if wanted is None else _is_mps(wanted)
            if wanted is not None and _is_mps(wanted):
                rest = [torch.device("cpu") if isinstance(each, (str, torch.device)) else each for each in rest]
                if "device" in kwargs:
                    kwargs["device"] = torch.device("cpu")
            return move(source, lambda: tensor.to(source, *rest, **kwargs), to_mps)

        def compute(self, function: Any, args: Any, kwargs: Any) -> Any:
            device = kwargs.get("device", getattr(self, "default", None) if function in _factories(torch) else None)
            positional = any(isinstance(each, torch.device) and _is_mps(each) for each in args)
            if _is_mps(device) or positional:
                kwargs = {**kwargs, "device": torch.device("cpu")} if "device" in kwargs else kwargs
                args = [torch.device("cpu") if isinstance(each, torch.device) and _is_mps(each) else each for each in args]
                result = function(*args, **kwargs)
                if function in (torch.as_tensor, torch.asarray, torch.tensor) and args and args[0] is result:
                    result = result if marked(result) else result.clone()
                return mark(result)
            result = function(*args, **kwargs)
            if device is not None:
                return result  # asked for on another device
            if any_marked(args) or any_marked(kwargs.values()):
                mark(result)
            return result

    subclass = tensor._make_subclass

    def make_subclass(kind: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        """nn.Parameter: the same memory as another object."""
        result = subclass(kind, data, *args, **kwargs)
        return mark(result) if marked(data) else result

    tensor._make_subclass = staticmethod(make_subclass)
    mode = EmulatedMps()
    mode.default = None
    mode.mark, mode.marked = mark, marked
    return mode


_factory_set: Any = None


def _factories(torch: Any) -> Any:
    """The functions that make tensors from nothing; torch keeps the list for set_default_device."""
    global _factory_set
    if _factory_set is None:
        from torch.utils import _device

        _factory_set = _device._device_constructors()
    return _factory_set


def _in_backward(torch: Any) -> bool:
    """Gradients that autograd makes in C++ have no mark; a script that emulates "mps" has put its tensors there."""
    return _used and torch._C._current_graph_task_id() != -1


_used = False


def _patch_modules(torch: Any) -> None:
    from .torch import compile_shader

    mps, backend = torch.mps, torch.backends.mps
    yes, nothing = (lambda *_, **__: True), (lambda *_, **__: None)
    for name in ("is_available", "is_built", "is_macos_or_newer", "is_macos13_or_newer"):
        if hasattr(backend, name):
            setattr(backend, name, yes)
    mps.compile_shader = compile_shader
    mps.is_available = yes
    mps.device_count = lambda: 1
    mps.synchronize = nothing
    mps.empty_cache = nothing
    mps.set_per_process_memory_fraction = nothing
    mps.manual_seed = lambda seed: torch.default_generator.manual_seed(seed) and None
    mps.seed = lambda: torch.default_generator.seed() and None
    mps.get_rng_state = lambda: torch.default_generator.get_state()
    mps.set_rng_state = lambda state: torch.default_generator.set_state(state) and None
    for name in ("current_allocated_memory", "driver_allocated_memory"):
        setattr(mps, name, lambda: 0)
    mps.recommended_max_memory = _memory
    for name in ("load_metallib", "get_name", "get_core_count"):
        _refuse(mps, name, f"torch.mps.{name}")
    for name in ("start", "stop", "profile", "metal_capture", "is_metal_capture_enabled", "is_capturing_metal"):
        if hasattr(mps, "profiler"):
            _refuse(mps.profiler, name, f"torch.mps.profiler.{name}")
    if hasattr(mps, "Event"):
        mps.Event = mps.event.Event = _event_type() if hasattr(mps, "event") else _event_type()
    _patch_default_device(torch)
    _patch_autocast(torch)
    _patch_backward(torch)
    _patch_accelerator(torch)
    _patch_load(torch)
    _patch_generator(torch)


def _patch_accelerator(torch: Any) -> None:
    accelerator = getattr(torch, "accelerator", None)
    if accelerator is None or accelerator.is_available():
        return
    accelerator.is_available = lambda: True
    accelerator.device_count = lambda: 1
    accelerator.current_accelerator = lambda *_, **__: torch.device("mps")
    accelerator.synchronize = lambda *_, **__: None


def _patch_load(torch: Any) -> None:
    load = torch.load

    def load_on_cpu(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        """What is asked for on "mps" comes on the CPU; modules copy it into their own parameters anyway."""
        return load(file, torch.device("cpu") if _is_mps(map_location) else map_location, *args, **kwargs)

    torch.load = load_on_cpu


def _patch_generator(torch: Any) -> None:
    plain = torch.Generator

    class Meta(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, plain)

        def __call__(cls, device: Any = "cpu") -> Any:
            return plain("cpu" if _is_mps(device) else device)

    class Generator(metaclass=Meta):
        """torch.Generator; one for "mps" gives the CPU's numbers."""

    torch.Generator = Generator


def _patch_backward(torch: Any) -> None:
    """`backward` is called inside the mode, where it is off; what autograd calls then must have it."""
    graph = torch.autograd.graph
    run = graph._engine_run_backward

    def run_with_mode(*args: Any, **kwargs: Any) -> Any:
        with _mode:
            return run(*args, **kwargs)

    graph._engine_run_backward = torch.autograd._engine_run_backward = run_with_mode


def _refuse(module: Any, name: str, shown: str) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"anymetal can't emulate {shown}: there is no Metal device behind \"mps\" here")

    if hasattr(module, name):
        setattr(module, name, refused)


def _memory() -> int:
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _event_type() -> type:
    import time

    class Event:
        """torch.mps.Event. Kernels have ended when their calls return, so events only take the time."""

        def __init__(self, enable_timing: bool = False) -> None:
            self.enable_timing = enable_timing
            self._time: float | None = None

        def record(self) -> None:
            self._time = time.perf_counter()

        def wait(self) -> None:
            pass

        def query(self) -> bool:
            return True

        def synchronize(self) -> None:
            pass

        def elapsed_time(self, end_event: Any) -> float:
            if self._time is None or end_event._time is None:
                raise RuntimeError("both events must be recorded before their time can be asked for")
            return 1000 * (end_event._time - self._time)

    return Event


def _patch_default_device(torch: Any) -> None:
    ours = torch.set_default_device
    get = torch.get_default_device

    def set_default_device(device: Any) -> None:
        """Tensors that are made without a device lie there from now on."""
        to_mps = _is_mps(device)
        _mode.default = torch.device("mps") if to_mps else None
        ours("cpu" if to_mps else device)

    def get_default_device() -> Any:
        return _mode.default or get()

    torch.set_default_device = set_default_device
    torch.get_default_device = get_default_device


def _patch_autocast(torch: Any) -> None:
    enter = torch.autocast.__init__

    def init(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        enter(self, "cpu" if device_type == "mps" else device_type, *args, **kwargs)

    torch.autocast.__init__ = init


def _patch_threads() -> None:
    """Each thread has a stack of modes of its own."""
    run = threading.Thread.run

    def run_with_mode(self: threading.Thread) -> None:
        with _mode:
            run(self)

    threading.Thread.run = run_with_mode  # type: ignore[method-assign]
