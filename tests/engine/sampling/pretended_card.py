"""A graphics card that is only pretended: its tensors have shapes and number formats, but no numbers.

What is asked of tensors on the processor is really computed there. What is asked of the card's is followed:
mixing both is an error, as on a card, and `waits` says where the processor would stand still until the card
has come there. `kinds` are the operations done there, with the number formats they were given.
"""

import contextlib
import sys
from pathlib import Path

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import engine

ENGINE = Path(engine.__file__).parent
CARD = torch.device("cuda", 0)
_aten = torch.ops.aten
_TELLS_NUMBERS = {"_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2"}


class _Following(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.waits, self.kinds = [], set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        fakes = [leaf for leaf in leaves if isinstance(leaf, FakeTensor)]
        if not fakes and CARD not in [leaf for leaf in leaves if isinstance(leaf, torch.device)]:
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func is _aten.scaled_dot_product_attention.default:
            return self._attended(*args, **kwargs)
        if func.namespace == "aten" and func is not _aten.detach.default and _is_made_of_others(func):
            with self:
                return func.decompose(*args, **kwargs)
        name = func.overloadpacket.__name__
        on_card = [fake for fake in fakes if fake.device == CARD]
        self.kinds.add((name, *(fake.dtype for fake in on_card)))
        if name in _TELLS_NUMBERS and on_card:
            self._wait()
            return True
        if name == "copy_" and args[0].device != args[1].device:
            self._cross(args[2] if len(args) > 2 else False)
            return func(*args, **kwargs) if args[0].device == CARD else args[0]
        if name == "_to_copy" and kwargs.get("device") not in (None, args[0].device):
            self._cross(kwargs.get("non_blocking", False))
        return func(*args, **kwargs)

    def _attended(self, query, keys, values, attn_mask=None):
        """Return what the fast kernels return; others take a number for every pair of tokens."""
        for rows in (query, keys, values):
            assert (rows.device, rows.dtype, rows.dim(), rows.stride(-1)) == (CARD, query.dtype, 4, 1)
        assert attn_mask is None or (attn_mask.dtype, attn_mask.dim()) == (query.dtype, 4)
        self.kinds.add(("attention", query.dtype))
        return query.transpose(1, 2).contiguous().transpose(1, 2)

    def _cross(self, is_asked_only):
        if not is_asked_only:
            self._wait()

    def _wait(self):
        frame = sys._getframe()
        while not (path := Path(frame.f_code.co_filename)).is_relative_to(ENGINE):
            if (frame := frame.f_back) is None:
                self.waits.append("a test")
                return
        self.waits.append(path.name)


def _is_made_of_others(func):
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


class _Asking(TorchFunctionMode):
    """What Python asks of a tensor itself, which a torch without cards refuses for a card's."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if not args or not isinstance(args[0], FakeTensor):
            return func(*args, **(kwargs or {}))
        if func is torch.Tensor.__getitem__:
            view, rows = _indexed(*args)
            return _aten.index.Tensor(view, rows) if rows else view
        if func is torch.Tensor.__setitem__:
            view, rows = _indexed(*args[:2])
            return _aten.index_put_(view, rows, args[2]) if rows else _aten.copy_.default(view, args[2])
        if func is torch.Tensor.copy_:
            return _aten.copy_.default(*args, **(kwargs or {}))
        if func is torch.Tensor.contiguous:
            return args[0].clone(memory_format=torch.contiguous_format)
        return func(*args, **(kwargs or {}))


def _indexed(tensor, index):
    """Return a view and the rows of it to gather, if any."""
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis for part in parts):
        place = [part is Ellipsis for part in parts].index(True)
        named = sum(part is not None for part in parts) - 1
        parts[place : place + 1] = [slice(None)] * (tensor.dim() - named)
    axis, rows = 0, []
    for part in parts:
        if part is None:
            tensor = tensor.unsqueeze(axis)
        elif isinstance(part, slice):
            tensor = _aten.slice.Tensor(tensor, axis, part.start, part.stop, part.step or 1)
        elif isinstance(part, int):
            tensor, axis = torch.select(tensor, axis, part), axis - 1
        else:
            rows += [None] * (axis - len(rows)) + [part]
        axis += 1
    return tensor, rows


def _replaced(module, move, recurse=True):
    """Move a module's tensors by replacing them: one with numbers cannot become one without."""
    for child in module.children():
        child._apply(move)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            module._parameters[name] = nn.Parameter(move(parameter.detach()), requires_grad=False)
    for name, buffer in module._buffers.items():
        module._buffers[name] = None if buffer is None else move(buffer)
    return module


class _Moments:
    """A stream or an event of the card: nobody has to wait for what is not computed."""

    def __init__(self, *given, **named):
        pass

    def wait_event(self, event):
        pass

    def record_event(self, event):
        return event

    def synchronize(self):
        pass


@contextlib.contextmanager
def pretended_card(monkeypatch):
    """Pretend a card while the context lasts, and follow what is asked of it."""
    monkeypatch.setattr(nn.Module, "_apply", _replaced)
    for name in ("Stream", "Event", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, _Moments)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    with FakeTensorMode(allow_non_fake_inputs=True), _Following() as following, _Asking():
        yield following
