"""The published collections of metric code, and their rules."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Toolbox:
  """A published collection of metric code.

  Attributes:
    title: what it is.
    used_by: where its numbers are printed.
    colour: its colour rule in words.
  """

  title: str
  used_by: str
  colour: str


TOOLBOXES: dict[str, Toolbox] = {
  'mefb': Toolbox(
    'MEFB, the multi-exposure benchmark (MATLAB)',
    'FFMEF table 1 and, by the same rules, table 3',
    'metric on R, G and B, mean of the three; MEF-SSIM on rounded grey',
  ),
  'vifb': Toolbox(
    'VIFB, the visible-infrared benchmark (MATLAB)',
    'FFMEF table 4',
    'metric on R, G and B, mean of the three; a grey infrared image stands '
    'beside each channel',
  ),
  'mfif': Toolbox(
    'MFIF, the corrected toolbox of Zheng Liu (MATLAB)',
    'tables of multi-focus surveys',
    'rounded grey (MATLAB rgb2gray)',
  ),
  'lt': Toolbox(
    "Linfeng Tang's Evaluation (MATLAB)",
    'tables in the manner of SeAFusion and PIAFusion',
    'rounded grey (MATLAB rgb2gray)',
  ),
  'cddfuse': Toolbox(
    "CDDFuse's Evaluator (Python)",
    'CDDFuse; probably the family of the CSCFuse tables',
    'rounded grey (OpenCV weights)',
  ),
  'cscfuse': Toolbox(
    "the rules that reproduce CSCFuse's table 1, and its training metric",
    'CSCFuse table 1',
    'rounded grey (MATLAB rgb2gray)',
  ),
  'mgdn': Toolbox(
    "MGDN's own evaluation (Python)",
    'MGDN tables 2 to 4',
    'EN and PSNR on R, G and B, the rest of table 2 on grey; HDR on all '
    'channels together',
  ),
  'hdrt': Toolbox(
    "HDR-Transformer's evaluation (Python)",
    'HDR deghosting tables before MGDN',
    'all channels together',
  ),
}
