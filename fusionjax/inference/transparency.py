"""The rule for alpha: colours are fused as stored, alpha by itself."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

Rule = Literal['largest', 'first', 'drop']


def fuse_alpha(
  planes: Sequence[np.ndarray | None], *, rule: Rule, dtype: np.dtype
) -> np.ndarray | None:
  """Fuses the alpha of sources.

  Args:
    planes: [h, w] alpha of each source, uint8, uint16 or float in [0, 1];
      None for a source that is opaque.
    rule: `largest`: a pixel is there where any source has it; `first`: that
      of the first source; `drop`: the result is opaque.
    dtype: of the result, uint8, uint16 or float.

  Returns:
    [h, w] of this dtype, or None where the result is opaque.
  """
  if rule == 'drop':
    return None
  chosen = planes[:1] if rule == 'first' else planes
  found = [_to_unit(plane) for plane in chosen if plane is not None]
  if len(found) < len(chosen):
    return None
  alpha = np.max(found, axis=0)
  if np.issubdtype(dtype, np.integer):
    return np.rint(alpha * np.iinfo(dtype).max).astype(dtype)
  return alpha.astype(dtype)


def _to_unit(plane: np.ndarray) -> np.ndarray:
  top = np.iinfo(plane.dtype).max if plane.dtype.kind == 'u' else 1
  return plane.astype(np.float64) / top
