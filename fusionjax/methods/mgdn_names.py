"""Names of MGDN's parameters in its published checkpoints."""

import re

from fusionjax.methods.base import Layout

# From our names to those of the published code, applied one after the other.
_RENAMES = (
  (r'^lift(\d)/', r'inconv\1/'),
  (r'^lift/', r'conv1/'),
  (r'^body/', r'conv_after_body.0/'),
  (r'^head/', r'conv_last.0/'),
  (r'^stage(\d+)/', r'layers.\1.'),
  # The guided filter.
  (r'\.filter/attention/', r'.MGF.TCA.'),
  (r'\.TCA\.query/', r'.TCA.q/'),
  (r'\.TCA\.key_value/', r'.TCA.kv/'),
  (r'\.TCA\.(q|kv)/pointwise/', r'.TCA.\1/'),
  (r'\.TCA\.(q|kv)/depthwise/', r'.TCA.\1_dwconv/'),
  (r'\.TCA\.project/', r'.TCA.project_out/'),
  (r'\.filter/predictor_first/', r'.MGF.kernel_predictor_ref.'),
  (r'\.filter/predictor_second/', r'.MGF.kernel_predictor_ext.'),
  (r'\.filter/predictor_(under|over)/', r'.MGF.kernel_predictor_\1.'),
  (r'(kernel_predictor_\w+)\.conv1/', r'\1.0.0/'),
  (r'(kernel_predictor_\w+)\.conv2/', r'\1.1.0/'),
  (r'(kernel_predictor_\w+)\.conv3/', r'\1.2/'),
  (r'\.filter/out_(first|under)/', r'.MGF.conv_out_1.0/'),
  (r'\.filter/out_(second|over)/', r'.MGF.conv_out_2.0/'),
  (r'\.filter/reference1/', r'.MGF.conv_ref.0.0/'),
  (r'\.filter/reference2/', r'.MGF.conv_ref.1.0/'),
  # Parallel fusion.
  (r'\.merge/', r'.adjust_channel/'),
  (r'\.share0/', r'.adjust_channel_01/'),
  (r'\.share1/', r'.adjust_channel_02/'),
  (r'\.share2/', r'.adjust_channel_03/'),
  (r'\.dilated/', r'.dilated_conv/'),
  (r'\.block(\d+)/(global/)?', r'.residual_group.blocks.\1.'),
  (r'\.attention/position_bias$', r'.attn.relative_position_bias_table'),
  (r'\.attention/qkv/', r'.attn.qkv/'),
  (r'\.attention/project/', r'.attn.proj/'),
  (r'\.mlp(\d)/', r'.mlp.fc\1/'),
  (r'\.local/reduce/', r'.lce.conv.0/'),
  (r'\.local/conv/', r'.lce.conv.1/'),
  (r'\.local/expand/', r'.lce.conv.2/'),
  (r'\.local/squeeze/', r'.lce.fc.0/'),
  (r'\.local/excite/', r'.lce.fc.2/'),
  # Parameters.
  (r'/(kernel|scale)$', r'.weight'),
  (r'/bias$', r'.bias'),
)
_MATRICES = ('qkv', 'project', 'mlp1', 'mlp2', 'squeeze', 'excite')

# Buffers that follow from the options, and layers that the published networks
# have and never use. Those of three exposures use all of their adjust_channel.
IGNORABLE = (
  '*.attn.relative_position_index',
  '*.attn_mask',
  'patch_embed.norm.*',
  'norm.*',
)
IGNORABLE_OF_PAIRS = (*IGNORABLE, 'layers.*.adjust_channel_03.*')


def published_name(path: str) -> tuple[str, Layout]:
  """Names a parameter as the published checkpoints do.

  Args:
    path: path of a Flax parameter, such as `stage0/filter/out_first/kernel`.

  Returns:
    The name, such as `layers.0.MGF.conv_out_1.0.weight`, and the layout.
  """
  name = path
  for pattern, replacement in _RENAMES:
    name = re.sub(pattern, replacement, name)
  if not path.endswith('kernel'):
    return name, 'vector'
  # In the blocks matrices are what they are; elsewhere 1 x 1 convolutions.
  block = re.search(r'/block\d+/', path)
  layer = path.split('/')[-2]
  linear = block and layer in _MATRICES
  return name, 'linear' if linear else 'conv'
