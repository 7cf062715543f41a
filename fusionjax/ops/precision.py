"""What a product of two float32 numbers is on accelerators.

By default JAX lets GPUs round the factors of products and convolutions to 10
bits (TF32), and TPUs to 7 (bfloat16), which is no float32 any more: on a GPU,
FFMEF is 4e-4 off, CSC-MEFN 4e-3, and MGDN 0.13 at single pixels, where 5e-7 is
possible. So published networks would not give their published pictures.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax

# Its fields are made when JAX is imported: type checkers do not know them.
_CONFIG: Any = jax.config


@contextlib.contextmanager
def full() -> Iterator[None]:
  """Within, what is traced multiplies float32 as float32.

  Unless JAX was told otherwise: `jax.default_matmul_precision`, or the config
  `jax_default_matmul_precision`, stays what it is where it is set. `default`
  is JAX's way, for who wants it.
  """
  if _CONFIG.jax_default_matmul_precision is not None:
    yield
    return
  with jax.default_matmul_precision('float32'):
    yield
