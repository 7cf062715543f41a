"""Data sets of multi-exposure fusion."""

from fusionjax.data.catalogue import finding
from fusionjax.data.catalogue.card import NOT_STATED, UNSEEN, Card

_SIBLINGS = (
  'brackets of one place (`Bandon_Sunset_1`, `Bandon_Sunset_2`) are near'
  ' siblings: keep them on one side, as `data.holdout` does by their names'
)

SICE = Card(
  name='sice',
  task='mef',
  title='SICE, 589 exposure stacks with references chosen by viewers',
  size='various, to about 6000 x 4000',
  homepage='https://github.com/csjcai/SICE',
  licence=NOT_STATED,
  layout=(
    'Dataset_Part1/1/1.JPG ... (360 folders of exposures)',
    'Dataset_Part1/Label/1.JPG ... (one reference per folder)',
    'Dataset_Part2/1/1.JPG ... (229 folders)',
    'Dataset_Part2/Label/1.JPG ...',
  ),
  splits=(
    'train is part 1, test part 2, as the owner has parts. FFMEF trains on'
    ' 482 aligned stacks (its list is not published), CSC-MEFN divides SICE'
    ' for training and validation, MGDN trains on it and tests on MEFB'
  ),
  citation="""@article{cai2018deep,
  title={Learning a Deep Single Image Contrast Enhancer from Multi-Exposure
    Images},
  author={Cai, Jianrui and Gu, Shuhang and Zhang, Lei},
  journal={IEEE Transactions on Image Processing},
  volume={27}, number={4}, pages={2049--2062}, year={2018}
}""",
  find=finding.parts(
    'mef',
    {
      'train': ('Dataset_Part1', 'Part1'),
      'test': ('Dataset_Part2', 'Part2'),
    },
  ),
  counts={'train': 360, 'test': 229},
  reference=True,
  large=True,
  download='4,413 exposures; sizes of the archives are not stated',
  leaks=(
    'references are results of other fusion algorithms, chosen by viewers: a'
    ' high score says that a result is like theirs',
    'not every stack is aligned: FFMEF trains on 482 of the 589',
  ),
  unverified='exposures in EV are not published with the files',
)

MEFB = Card(
  name='mefb',
  task='mef',
  title='MEFB, the benchmark of 100 pairs',
  size='various, about 551 x 707 on average',
  homepage='https://github.com/xingchenzhang/MEFB',
  licence=NOT_STATED,
  layout=(
    'input/NAME/NAME_A.tif, input/NAME/NAME_B.tif (100 folders; some files'
    ' have other names), or',
    'NAME_A.png, NAME_B.png in one folder',
  ),
  splits='test alone',
  citation="""@article{zhang2021benchmarking,
  title={Benchmarking and comparing multi-exposure image fusion algorithms},
  author={Zhang, Xingchen},
  journal={Information Fusion},
  volume={74}, pages={111--131}, year={2021}
}""",
  find=finding.whole('mef', split='test', below=('input',)),
  counts={'test': 100},
  leaks=(
    'its pairs come from older sets, the HDR Photographic Survey and the'
    ' stacks of EMPA among them: do not train on scenes of the same names',
  ),
)

HDRPS = Card(
  name='hdrps',
  task='mef',
  title='The HDR Photographic Survey, 106 scenes',
  size='various',
  homepage='http://markfairchild.org/HDR.html',
  licence=UNSEEN,
  layout=('SCENE/1.jpg, SCENE/2.jpg ... (a folder of exposures per scene)',),
  splits='test alone: CSC-MEFN tests on it',
  citation="""@inproceedings{fairchild2007hdr,
  title={The HDR Photographic Survey},
  author={Fairchild, Mark D.},
  booktitle={Color and Imaging Conference},
  year={2007}
}""",
  find=finding.whole('mef', split='test'),
  counts={'test': 106},
  leaks=(_SIBLINGS,),
  unverified=(
    'the survey publishes OpenEXR files; the exposures must be pictures before'
    ' this builder reads them'
  ),
)

STACKS = Card(
  name='stacks',
  task='mef',
  title='Your own stacks, or those of others: a folder per scene',
  size='various',
  homepage='',
  licence='that of the stacks',
  layout=('SCENE/1.jpg, SCENE/2.jpg ... (2 to 24 exposures each)',),
  splits='train alone, unless the stacks lie in train/ and test/',
  citation='',
  find=finding.whole('mef', split='train'),
  leaks=(_SIBLINGS,),
)

DEEPFUSE = Card(
  name='deepfuse',
  task='mef',
  title='The exposure stacks that DeepFuse was trained with',
  size='various',
  homepage='https://github.com/KRamPrabhakar/DeepFuse',
  licence=NOT_STATED,
  layout=('SCENE/1.jpg, SCENE/2.jpg ... (a folder of exposures per scene)',),
  splits='train alone',
  citation="""@inproceedings{ram2017deepfuse,
  title={DeepFuse: A Deep Unsupervised Approach for Exposure Fusion with
    Extreme Exposure Image Pairs},
  author={Prabhakar, K. Ram and Srikar, V. Sai and Babu, R. Venkatesh},
  booktitle={Proceedings of the IEEE International Conference on Computer
    Vision},
  pages={4714--4722}, year={2017}
}""",
  find=finding.whole('mef', split='train'),
  leaks=(_SIBLINGS,),
  unverified="the owner's page names no number of scenes and no layout",
)

CARDS = (SICE, MEFB, HDRPS, DEEPFUSE, STACKS)
