"""Data sets of multi-focus fusion."""

from fusionjax.data.catalogue import finding
from fusionjax.data.catalogue.card import NOT_STATED, UNSEEN, Card

_SEEN = (
  'the published FFMEF models of this task were trained on their benchmark:'
  ' their scores on it are no test'
)

LYTRO = Card(
  name='lytro',
  task='mff',
  title='Lytro, 20 pairs of a light-field camera',
  size='520 x 520',
  homepage='https://github.com/sametaymaz/Multi_focus_Image_Fusion_Dataset',
  licence=UNSEEN,
  layout=('lytro-01-A.jpg, lytro-01-B.jpg ... lytro-20-B.jpg',),
  splits='test alone',
  citation="""@article{nejati2015multi,
  title={Multi-focus image fusion using dictionary-based sparse
    representation},
  author={Nejati, Mansour and Samavi, Shadrokh and Shirani, Shahram},
  journal={Information Fusion},
  volume={25}, pages={72--84}, year={2015}
}""",
  find=finding.whole('mff', split='test'),
  counts={'test': 20},
  leaks=('benchmarks such as MFIFB may hold pairs of it, too',),
  unverified='the link is to a collection of others, not to the owner',
)

MFFW = Card(
  name='mffw',
  task='mff',
  title='MFFW, multi-focus pairs in the wild with strong defocus spread',
  size='various',
  homepage='https://arxiv.org/abs/2002.04780',
  licence=UNSEEN,
  layout=('NAME_1.jpg, NAME_2.jpg ..., or a folder per scene, or A/ and B/',),
  splits='test alone: MGDN tests on it',
  citation="""@article{xu2020mffw,
  title={MFFW: A new dataset for multi-focus image fusion},
  author={Xu, Shuang and Wei, Xiaoli and Zhang, Chunxia and Liu, Junmin and
    Zhang, Jiangshe},
  journal={arXiv preprint arXiv:2002.04780},
  year={2020}
}""",
  find=finding.whole('mff', split='test'),
  unverified='the layout and the number of scenes',
)

MFI_WHU = Card(
  name='mfi_whu',
  task='mff',
  title='MFI-WHU, 120 pairs made by blur and masks, with the sharp picture',
  size='various',
  homepage='https://github.com/HaoZhang1018/MFI-WHU',
  licence=NOT_STATED,
  layout=(
    'source_1/1.jpg ..., source_2/1.jpg ..., full_clear/1.jpg ... (120 each)',
  ),
  splits='train alone; the owner publishes none',
  citation="""@article{zhang2020mff,
  title={MFF-GAN: An unsupervised generative adversarial network with adaptive
    and gradient joint constraints for multi-focus image fusion},
  author={Zhang, Hao and Le, Zhuliang and Shao, Zhenfeng and Xu, Han and Ma,
    Jiayi},
  journal={Information Fusion},
  year={2020}
}""",
  find=finding.parallel(
    'mff',
    {
      'a': ('source_1', 'source1'),
      'b': ('source_2', 'source2'),
      'reference': ('full_clear', 'fullclear'),
    },
    split='train',
  ),
  counts={'train': 120},
  reference=True,
  download='MFI-WHU.zip in the repository; its size is not stated',
  leaks=('the sharp pictures come from other public data sets',),
  unverified='the names of the folders in the archive',
)

REAL_MFF = Card(
  name='real_mff',
  task='mff',
  title='Real-MFF, 710 pairs of a light-field camera with the sharp picture',
  size='625 x 433',
  homepage='https://github.com/Zancelot/Real-MFF',
  licence=NOT_STATED,
  layout=('imageA/000_A.png ..., imageB/000_B.png ..., Fusion/000_F.png ...',),
  splits='train alone; the owner publishes none',
  citation="""@article{zhang2020real,
  title={Real-MFF: A large realistic multi-focus image dataset with ground
    truth},
  author={Zhang, Juncheng and Liao, Qingmin and Liu, Shaojun and Ma, Haoyu and
    Yang, Wenming and Xue, Jing-Hao},
  journal={Pattern Recognition Letters},
  volume={138}, pages={370--377}, year={2020}
}""",
  find=finding.parallel(
    'mff',
    {
      'a': ('imageA',),
      'b': ('imageB',),
      'reference': ('Fusion', 'imageF'),
    },
    split='train',
  ),
  counts={'train': 710},
  reference=True,
  unverified='the size, and the names of the folders: as users read them',
)

MF_VOC = Card(
  name='mf_voc',
  task='mff',
  title='MF-VOC, pairs made of PASCAL VOC 2012 by blur and its masks',
  size='224 x 224 as its users cut it',
  homepage='https://github.com/ravikumarmn/MFIF',
  licence=UNSEEN,
  layout=('sourceA/NAME.jpg, sourceB/NAME.jpg, groundtruth/NAME.jpg',),
  splits='train alone',
  citation="""@article{guo2018fully,
  title={Fully convolutional network-based multifocus image fusion},
  author={Guo, Xiaopeng and Nie, Rencan and Cao, Jinde and others},
  journal={Neural Computation},
  volume={30}, number={7}, pages={1775--1800}, year={2018}
}""",
  find=finding.parallel(
    'mff',
    {
      'a': ('sourceA',),
      'b': ('sourceB',),
      'reference': ('groundtruth', 'ground_truth'),
    },
    split='train',
  ),
  reference=True,
  leaks=('one photograph of VOC may have several scenes: `2007_000042_4`',),
  unverified=(
    'who owns it; 14,565 pairs are reported, and subsets are what people have'
  ),
)

MFIFB = Card(
  name='mfifb',
  task='mff',
  title='MFIFB, the benchmark of 105 pairs',
  size='various',
  homepage='https://github.com/xingchenzhang/MFIFB',
  licence=NOT_STATED,
  layout=('input/NAME/NAME_A.jpg, input/NAME/NAME_B.jpg (105 folders)',),
  splits='test alone',
  citation="""@article{zhang2021deep,
  title={Deep learning-based multi-focus image fusion: A survey and a
    comparative study},
  author={Zhang, Xingchen},
  journal={IEEE Transactions on Pattern Analysis and Machine Intelligence},
  year={2021}
}""",
  find=finding.whole('mff', split='test', below=('input',)),
  counts={'test': 105},
  leaks=(
    _SEEN,
    'it is collected from older sets: compare it with what you train on',
  ),
)

CARDS = (LYTRO, MFFW, MFI_WHU, REAL_MFF, MF_VOC, MFIFB)
