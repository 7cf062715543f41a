"""Training losses, one a file."""

from fusionjax.losses.gif import gif_loss

__all__ = ['gif_loss']
