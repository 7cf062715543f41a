"""Names of dictionary units in the published checkpoints of CSCFuse."""

from fusionjax.methods.base import Layout

# From the part of a path that follows the unit.
_UNIT = {
  'decode/kernel': 'conv.conv_decoder.de_conv0.conv2d.weight',
  'encode/kernel': 'conv.conv_encoder.en_conv0.conv2d.weight',
  'activation/threshold': 'activation.theta',
  'activation/slope': 'activation.weight',
}
_NORM = {
  'scale': 'weight',
  'bias': 'bias',
  'mean': 'running_mean',
  'var': 'running_var',
}
# Counters of PyTorch's batch normalisation.
IGNORABLE = ('*num_batches_tracked',)


def in_unit(rest: str) -> str:
  """Names a parameter of a unit.

  Args:
    rest: its path below the unit, such as `decode/kernel`.

  Returns:
    Its name below the unit in the checkpoint.
  """
  if rest.startswith('norm/'):
    return f'norm.{in_norm(rest.removeprefix("norm/"))}'
  return _UNIT[rest]


def in_norm(rest: str) -> str:
  """Names a parameter or a running statistic of a batch normalisation."""
  return _NORM[rest]


def layout(path: str) -> Layout:
  """The layout of a parameter: kernels are those of convolutions."""
  return 'conv' if path.endswith('kernel') else 'vector'
