"""Training losses, one a file."""

from fusionjax.losses.gif import gif_loss
from fusionjax.losses.mef_ssim import mef_ssim_loss
from fusionjax.losses.reconstruction import (
  mean_squared_error,
  reconstruction_loss,
)
from fusionjax.losses.var_ssim import var_ssim_loss

__all__ = [
  'gif_loss',
  'mean_squared_error',
  'mef_ssim_loss',
  'reconstruction_loss',
  'var_ssim_loss',
]
