"""From the name of a model, or a file, to the model."""

import inspect
from pathlib import Path
from typing import Any

import jax

from fusionjax import errors
from fusionjax.data import buckets
from fusionjax.errors import InputError
from fusionjax.inference.model import FusionModel
from fusionjax.methods import registry
from fusionjax.pretrained import published, weights


def load_model(
  name_or_path: str | Path, *, like: str | None = None
) -> FusionModel:
  """Loads a model.

  Args:
    name_or_path: name of a model that ships (`ffmef-mef`), the workdir of a
      training, in a bucket too (`gs://...`, `s3://...`, `az://...`), a weight
      file of fusionjax (.safetensors), or a published checkpoint (.pth, .pt,
      .model, .npz, or .safetensors with PyTorch's names), or the folder of
      one that consists of several files.
    like: name of the model that a published checkpoint belongs to.

  Returns:
    The model. Nothing is executed from a file, and `init` never runs.

  Raises:
    InputError: if there is no such model or file, or the file does not hold
      the weights of the model.
  """
  if like is not None:
    registry.get_model(like)
  name = str(name_or_path)
  if like is None and name in registry.MODELS:
    return _from_weights(weights.shipped_path(name), name)
  path = _find(name, like)
  if path.is_dir() and like is not None:
    return _from_published(path, like)
  if path.suffix.lower() == '.safetensors' and weights.is_ours(path):
    is_file = Path(name).suffix.lower() in published.SUFFIXES
    model = _from_weights(path, path.stem if is_file else Path(name).name)
    if like is not None and (model.method, model.task) != registry.get_model(
      like
    ):
      raise InputError(
        f'{path} holds the weights of {model.method}-{model.task}, not of'
        f' {like}. Leave like out.'
      )
    return model
  if like is None:
    if path.suffix.lower() == '.safetensors':
      # Says what is wrong with the file.
      weights.load_weights(path)
    raise InputError(
      f'{path}: a published checkpoint does not say what it is. Name its'
      ' model with like (--like), one of'
      f' {", ".join(registry.list_models())}.'
    )
  return _from_published(path, like)


def _find(name: str, like: str | None) -> Path:
  """Finds the file that a name or path means."""
  if '://' in name:
    name = str(buckets.local(published.file_url(name), again=True))
  path = Path(name)
  if path.is_dir():
    if not (path / weights.WORKDIR_WEIGHTS).is_file():
      if like is not None:
        method, _ = registry.get_model(like)
        if registry.get_method(method).published_files:
          return path
      raise InputError(
        f'{path} holds no {weights.WORKDIR_WEIGHTS}. Give the workdir of a'
        ' training, or a file.'
      )
    return path / weights.WORKDIR_WEIGHTS
  if path.is_file():
    published.check_suffix(path)
    return path
  if path.suffix.lower() in published.SUFFIXES or len(path.parts) > 1:
    raise InputError(f'{path} does not exist. Check the path.')
  if name in registry.MODELS:
    raise InputError(
      f'{name} ships with fusionjax: it needs no like. Leave like out.'
    )
  raise errors.unknown_name('model', name, registry.MODELS)


def _from_weights(path: Path, name: str) -> FusionModel:
  """Loads a file of ours."""
  held = weights.load_weights(path)
  method = registry.get_method(held.method)
  registry.get_task(held.task)
  known = inspect.signature(method.module).parameters
  unknown = sorted(held.options.keys() - known.keys())
  if unknown:
    raise InputError(
      f'{path} has options that {held.method} does not know:'
      f' {", ".join(unknown)}. Update fusionjax.'
    )
  module = method.module(**held.options)
  published.check_variables(
    path, held.variables, method=method, module=module, task=held.task
  )
  return FusionModel(
    module, _on_device(held.variables), name, held.method, held.task
  )


def _from_published(path: Path, like: str) -> FusionModel:
  """Loads a checkpoint with PyTorch's names."""
  method_name, task = registry.get_model(like)
  method = registry.get_method(method_name)
  module = method.module(**method.published_options.get(like, {}))
  variables = published.load_published(
    path, method=method, module=module, task=task
  )
  name = path.name if path.is_dir() else path.stem
  return FusionModel(module, _on_device(variables), name, method_name, task)


def _on_device(variables: dict[str, Any]) -> dict[str, Any]:
  # Not jnp.asarray, which compiles a program for every shape.
  return jax.device_put(variables)
