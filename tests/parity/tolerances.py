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

# CSCFuse. A soft threshold below zero jumps at zero: there rounding decides,
# in the published code too (float32 against float64: 0.05 at single pixels of
# detail codes, 1.6e-4 in the fused image). So quantiles for what follows such
# a jump, and largest differences elsewhere.
CSC_FILTER = {'atol': 1e-5, 'rtol': 0.0}
CSC_BASE_CODE = 1e-5
CSC_DETAIL_CODE = 5e-4  # 99 % of the values
CSC_DETAIL_JUMP = 0.05  # all of them
CSC_WEIGHT = 1e-3
CSC_BASE_FUSED = 3e-5
CSC_IVF_OUT = {'atol': 1e-3, 'rtol': 0.0}
CSC_IVF_EQUAL = 0.999  # of the 8-bit values; the others within one level
CSC_IVF_REBUILT = {'atol': 5e-6, 'rtol': 0.0}
CSC_MEF = {'atol': 1e-5, 'rtol': 0.0}
# After the stretch; where its ends differ in the last bit, all values at an
# end (0.5 % of them) may come out at 254 instead of 255.
CSC_MEF_LEVELS_EQUAL = 0.99
CSC_MSF_CODE = {'atol': 5e-6, 'rtol': 0.0}
# Against the published code in float64; in float32 it is off by 3e-4.
CSC_MSF = {'atol': 1e-5, 'rtol': 0.0}
CSC_RUNNING = {'atol': 1e-5, 'rtol': 1e-5}
# Gradients, relative to the largest entry. SSIM divides by 9e-4 what is left
# of E[x^2] - E[x]^2, and so amplifies the rounding of the published window
# sums: their gradient in float32 is 5e-5 off float64 for SSIM, and 5e-4 for
# MEF-SSIM, whose window has 363 weights.
CSC_SSIM_GRADIENT = 1e-4
CSC_MEF_SSIM_GRADIENT = 1e-3
CSC_MEF_SSIM_GRADIENT_MOST = 3e-4  # 99 % of the values
CSC_MEF_TRAIN_FUSED = 5e-4
CSC_MEF_PARAMETER_GRADIENT = 1e-3

# MGDN. Values of the filtered features reach 8, where float32 steps by 5e-7.
MGDN_STAGE = {'atol': 1e-5, 'rtol': 0.0}
MGDN_OUT = {'atol': 2e-6, 'rtol': 0.0}
MGDN_TONE = {'atol': 1e-6, 'rtol': 0.0}
# Of the 8-bit values of the whole protocol; the others within one level.
MGDN_EQUAL = 0.999
