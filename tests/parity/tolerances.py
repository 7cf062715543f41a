"""How close to the published code: one table.

Differences are judged as |ours - published| <= atol + rtol * |published|, in
float32. The published code in float32 is itself off float64 by 5e-7 in the
fused luma and by 1e-5 in the last decoder map, whose values reach 7: there
the sum of both noise floors is allowed.
"""

STAGE = {'atol': 1e-5, 'rtol': 0.0}
LAST_DECODER_MAP = {'atol': 2e-5, 'rtol': 0.0}
FUSED = {'atol': 1e-6, 'rtol': 0.0}
COLOUR_LEVELS = {'atol': 1e-4, 'rtol': 0.0}  # in levels of 255
LOSS = {'atol': 0.0, 'rtol': 1e-5}
# Gradients: relative to the largest entry of the same parameter.
LOSS_GRADIENT = 1e-5
PARAMETER_GRADIENT = 1e-4
# Whole pipeline in uint8: fraction of equal values, largest difference.
PIPELINE_EQUAL = 0.999
PIPELINE_LEVELS = 1
