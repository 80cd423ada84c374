"""Networks of transformers and diffusers out of a folder: local, silent, strict, and none of its code run.

The libraries fill what they miss with random numbers and only write a line about it; here that is an error.
"""

import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging as diffusers_logging
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn
from transformers.utils import logging as transformers_logging

from engine.weights.memory_shortage import let_memory_shortage_through
from engine.weights.strict_keys import check_finite, is_finite
from engine.weights.tensor_file import open_tensors
from engine.weights.weight_descriptions import CONFIG_NAME, INDEX_SUFFIX, read_json, shards_of_index
from engine.weights.weight_errors import (
    first_and_how_many,
    missing_file,
    too_large_values,
    unfitting_file,
    unreadable_description,
)

_NO_THREADS = "HF_DEACTIVATE_ASYNC_LOAD"

LIBRARY_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    ImportError,
    NameError,
    SafetensorError,
    StrictDataclassError,
)
"""What the libraries raise for a description that makes no network: there is no class of its own for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderLayout:
    """How a library keeps one network in a folder.

    `described_by`: the entry of `config.json` that says what it is; `description`: what it has to say.
    `safetensors`, `pickle`: what the files of weights are called before the dot. `may_lack`, `may_have`:
    names that need not be there, and pieces of names that may be there unused.
    """

    described_by: str
    description: str
    safetensors: str
    pickle: str
    may_lack: Collection[str] = ()
    may_have: Collection[str] = ()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Let transformers and diffusers neither log nor draw bars: what they have to say is raised as errors."""
    kept = [(library, library.get_verbosity()) for library in (transformers_logging, diffusers_logging)]
    bars = transformers_logging.is_progress_bar_enabled()
    try:
        for library, _ in kept:
            library.set_verbosity(logging.CRITICAL + 1)
        transformers_logging.disable_progress_bar()
        with warnings.catch_warnings():
            # torch says so of the networks that a description with zeros in it makes; they fit no weights.
            warnings.filterwarnings("ignore", "Initializing zero-element tensors", UserWarning)
            yield
    finally:
        for library, verbosity in kept:
            library.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def load_network(
    from_pretrained: Callable[..., tuple[Any, Any]],
    folder: Path,
    layout: FolderLayout,
    *,
    dtype: torch.dtype,
    dtype_name: str,
) -> Any:  # noqa: ANN401 the libraries do not say what their from_pretrained returns
    """Return a network of a library from a folder on the processor, in `dtype`, ready to compute.

    `dtype_name`: what the library calls the argument. Raises UserError for missing or damaged files, for code
    in them, for a description of something else, and for a missing, extra, misshapen or not finite key.
    """
    description = folder / CONFIG_NAME
    said = read_json(description).get(layout.described_by)
    if said != layout.description:
        raise unreadable_description(description, f"is of {said}, not of {layout.description}")
    paths = weight_files(folder, layout)
    check_finite(open_tensors(paths))
    options = {dtype_name: dtype, "use_safetensors": paths[0].suffix == ".safetensors"}
    try:
        with quiet_libraries(), _one_tensor_after_the_other():
            network, report = from_pretrained(
                folder,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **options,
            )
    except LIBRARY_ERRORS as error:
        let_memory_shortage_through(error)
        raise unreadable_description(description, "describes no network that can be built") from error
    _check_report(report, paths[0], layout)
    _check_converted(network, paths[0], dtype)
    network.eval().requires_grad_(False)
    return network


@contextmanager
def _one_tensor_after_the_other() -> Iterator[None]:
    """Keep transformers from reading in threads: they hold every tensor at once and outlive the call."""
    kept = os.environ.get(_NO_THREADS)
    os.environ[_NO_THREADS] = "1"
    try:
        yield
    finally:
        if kept is None:
            del os.environ[_NO_THREADS]
        else:
            os.environ[_NO_THREADS] = kept


def weight_files(folder: Path, layout: FolderLayout) -> tuple[Path, ...]:
    """Return a network's files of weights: safetensors where there are any, in shards or whole.

    Raises UserError where there are none, or where an index names a shard that is missing.
    """
    for name in (f"{layout.safetensors}.safetensors", f"{layout.pickle}.bin"):
        index = folder / f"{name}{INDEX_SUFFIX}"
        if index.exists():
            return shards_of_index(index)
        if (folder / name).exists():
            return (folder / name,)
    raise missing_file(folder / f"{layout.safetensors}.safetensors")


def _check_report(report: Mapping[str, Any], path: Path, layout: FolderLayout) -> None:
    """Turn the library's report into an error; its sets have no order, so names are sorted."""
    lacking = sorted(key for key in report["missing_keys"] if key not in layout.may_lack)
    if lacking:
        raise unfitting_file(path, f"lack {first_and_how_many(lacking)}", key=lacking[0])
    extra = sorted(
        key for key in report["unexpected_keys"] if not any(piece in key for piece in layout.may_have)
    )
    if extra:
        what = f"hold {first_and_how_many(extra)}, which does not belong to them"
        raise unfitting_file(path, what, key=extra[0])
    misshapen = sorted(str(entry[0]) for entry in report["mismatched_keys"])
    if misshapen:
        what = f"hold {first_and_how_many(misshapen)} in another shape than {CONFIG_NAME} describes"
        raise unfitting_file(path, what, key=misshapen[0])
    if report["error_msgs"]:
        raise unfitting_file(path, f"do not fit: {report['error_msgs'][0]}")


def _check_converted(network: nn.Module, path: Path, dtype: torch.dtype) -> None:
    for key, parameter in network.named_parameters():
        if not is_finite(parameter):
            raise too_large_values(path, key, str(dtype).removeprefix("torch."))
