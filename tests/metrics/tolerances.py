"""How close to the toolboxes: one table, relative errors in float64.

What is not named here has `DEFAULT`. The reference values themselves come
from Octave and NumPy runs of the toolboxes' code.
"""

DEFAULT = 1e-8

BY_METRIC = {
  # Its noise threshold multiplies the rounding of 24 inverse transforms.
  ('mefb', 'qp'): 1e-7,
  ('mfif', 'qp'): 1e-7,
  # The published code passes its 36 features through text.
  ('any', 'brisque'): 1e-4,
}

BY_PICTURE = {
  # The map of Q_C jumps where a covariance is 0. Lytro 05 has windows
  # where it is so exactly without any of them being flat: rounding takes the
  # side. 17 orders of the same sum in NumPy lie within 3e-5 of the reference,
  # none meets it; here such windows count as 0.
  ('mefb', 'qc', 'mfifb_lytro_05'): 1e-5,
  # VIFF takes variances below 1e-10 for none. In the saturated sky some windows
  # lie at that limit, where E[x^2] - E[x]^2 of the reference is off by as
  # much; here they are summed about the mean.
  ('mefb', 'viff', 'mefb_Venice'): 1e-7,
}


def tolerance(toolbox: str, name: str, picture: str = '') -> float:
  """The relative error that is allowed."""
  by_metric = BY_METRIC.get((toolbox, name), DEFAULT)
  return BY_PICTURE.get((toolbox, name, picture), by_metric)
