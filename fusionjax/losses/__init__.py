"""Training losses, one a file."""

from fusionjax.losses.absolute import mean_absolute_error, mu_law_error
from fusionjax.losses.gif import gif_loss
from fusionjax.losses.masked_information import StagewiseInformation
from fusionjax.losses.mef_ssim import mef_ssim_loss
from fusionjax.losses.reconstruction import (
  mean_squared_error,
  reconstruction_loss,
)
from fusionjax.losses.root_square import root_mean_squared_error
from fusionjax.losses.var_ssim import var_ssim_loss

__all__ = [
  'StagewiseInformation',
  'gif_loss',
  'mean_absolute_error',
  'mean_squared_error',
  'mef_ssim_loss',
  'mu_law_error',
  'reconstruction_loss',
  'root_mean_squared_error',
  'var_ssim_loss',
]
