"""How close to the toolboxes: one table, relative errors in float64.

What is not named here has `DEFAULT`. The reference values themselves come
from Octave and NumPy runs of the toolboxes' code.
"""

DEFAULT = 1e-8

BY_METRIC = {
  # Its noise threshold multiplies the rounding of 24 inverse transforms.
  ('mefb', 'qp'): 1e-7,
  ('mfif', 'qp'): 1e-7,
  # MEFB norms uint8 / 255, which moves some exact ties of the rounding.
  ('mefb', 'qcb'): 1e-6,
  # The published code passes its 36 features through text.
  ('any', 'brisque'): 1e-4,
}


def tolerance(toolbox: str, name: str) -> float:
  """The relative error that is allowed."""
  return BY_METRIC.get((toolbox, name), DEFAULT)
