"""Data sets of infrared-visible fusion."""

from fusionjax.data.catalogue import finding, published
from fusionjax.data.catalogue.card import NOT_STATED, UNSEEN, Card

_FLIR = (
  'RoadScene and the FLIR set of CSCFuse are the same pictures: a model'
  ' trained on RoadScene has seen the 40 FLIR test pairs, and the reverse'
)
_FRAMES = 'frames of one video are near siblings: split by video, not by frame'

_ROADSCENE_CITATION = """@inproceedings{xu2020fusiondn,
  title={FusionDN: A Unified Densely Connected Network for Image Fusion},
  author={Xu, Han and Ma, Jiayi and Le, Zhuliang and Jiang, Junjun and Guo,
    Xiaojie},
  booktitle={Proceedings of the AAAI Conference on Artificial Intelligence},
  year={2020}
}"""

TNO = Card(
  name='tno',
  task='ivf',
  title='TNO, surveillance pictures of several infrared bands',
  size='various, 280 x 280 to 768 x 576',
  homepage='https://figshare.com/articles/TNO_Image_Fusion_Dataset/1008029',
  licence=UNSEEN,
  layout=('IR1.png, VIS1.png, IR2.png, VIS2.png ... (as papers select them)',),
  splits='test alone: CSCFuse scores 40 pairs, others 20 or 21',
  citation="""@misc{toet2014tno,
  title={TNO Image Fusion Dataset},
  author={Toet, Alexander},
  howpublished={figshare},
  year={2014}
}""",
  find=finding.whole('ivf', split='test'),
  leaks=('papers select different pairs: 20, 21 or 40; compare means by name',),
)

FLIR = Card(
  name='flir',
  task='ivf',
  title='FLIR as CSCFuse splits it: 180 and 40 pairs of RoadScene',
  size='various, to about 560 x 460',
  homepage='https://github.com/Zhaozixiang1228/IF-CSCFuse',
  licence=UNSEEN,
  layout=(
    'train/ir/NAME.jpg, train/vis/NAME.jpg (180 each), test/ir, test/vis (40),',
    'or ir/, vis/ and a table split.csv with the columns name, split',
  ),
  splits='train 180, test 40, as CSCFuse has them',
  citation=_ROADSCENE_CITATION,
  find=finding.whole('ivf', split='train'),
  counts={'train': 180, 'test': 40},
  leaks=(_FLIR, _FRAMES),
  unverified='which 40 pairs are the test ones: take the list of CSCFuse',
)

ROADSCENE = Card(
  name='roadscene',
  task='ivf',
  title='RoadScene, 221 aligned pairs of roads',
  size='various, to about 560 x 460',
  homepage='https://github.com/hanna-xu/RoadScene',
  licence=UNSEEN,
  layout=(
    'cropinfrared/FLIR_00006.jpg ..., crop_HR_visible/FLIR_00006.jpg ..., or',
    'ir/, vis/ and perhaps split.csv with the columns name, split',
  ),
  splits='train alone, unless split.csv says more; the owner publishes none',
  citation=_ROADSCENE_CITATION,
  find=finding.whole('ivf', split='train'),
  counts={'train': 221},
  leaks=(_FLIR, _FRAMES),
)

NIR_SCENE = Card(
  name='nir_scene',
  task='ivf',
  title='RGB-NIR Scene, 477 pairs of 9 kinds of scenes, near infrared',
  size='about 1024 x 680',
  homepage=(
    'https://www.epfl.ch/labs/ivrl/research/downloads/rgb-nir-scene-dataset/'
  ),
  licence=UNSEEN,
  layout=(
    'country/0000_rgb.tiff, country/0000_nir.tiff ..., water/..., 9 folders',
  ),
  splits=(
    'validation: water and oldbuilding (51 pairs each), test: country (52), as'
    ' CSC-IVFN uses them; train: the other kinds, which it does not use'
  ),
  citation="""@inproceedings{brown2011multi,
  title={Multi-spectral SIFT for Scene Category Recognition},
  author={Brown, Matthew and S{\\"u}sstrunk, Sabine},
  booktitle={Computer Vision and Pattern Recognition},
  pages={177--184}, year={2011}
}""",
  find=published.near_infrared(
    validation=('water', 'oldbuilding'), test=('country',)
  ),
  counts={'train': 323, 'validation': 102, 'test': 52},
  unverified='the address, the size and the names of the files',
)

KAIST = Card(
  name='kaist',
  task='ivf',
  title='KAIST, videos of a car by day and by night',
  size='640 x 512',
  homepage='https://github.com/SoonminHwang/rgbt-ped-detection',
  licence=NOT_STATED,
  layout=(
    'images/set00/V000/lwir/I00000.jpg, images/set00/V000/visible/I00000.jpg',
    '... (sets 00 to 11)',
  ),
  splits=(
    'train: sets 00 to 05, test: sets 06 to 11, as the owner has them. FMM'
    ' trains on 40,000 pairs; which is not published'
  ),
  citation="""@inproceedings{hwang2015multispectral,
  title={Multispectral Pedestrian Detection: Benchmark Dataset and Baselines},
  author={Hwang, Soonmin and Park, Jaesik and Kim, Namil and Choi, Yukyung and
    Kweon, In So},
  booktitle={Proceedings of IEEE Conference on Computer Vision and Pattern
    Recognition (CVPR)},
  year={2015}
}""",
  find=finding.whole(
    'ivf',
    split=finding.by_number(
      r'set(\d+)', {'train': range(6), 'test': range(6, 12)}
    ),
  ),
  counts={'train': 50187, 'test': 45141},
  large=True,
  download='videos.tar, 35.9 GB',
  leaks=(_FRAMES,),
)

MSRS = Card(
  name='msrs',
  task='ivf',
  title='MSRS, 1,444 aligned pairs of roads by day and by night',
  size='640 x 480',
  homepage='https://github.com/Linfeng-Tang/MSRS',
  licence=NOT_STATED,
  layout=(
    'train/ir/00001D.png ..., train/vi/00001D.png ... (1,083 pairs)',
    'test/ir/..., test/vi/... (361 pairs)',
  ),
  splits='train 1,083, test 361, as the owner has them',
  citation="""@article{tang2022piafusion,
  title={PIAFusion: A progressive infrared and visible image fusion network
    based on illumination aware},
  author={Tang, Linfeng and Yuan, Jiteng and Zhang, Hao and Jiang, Xingyu and
    Ma, Jiayi},
  journal={Information Fusion},
  year={2022}
}""",
  find=finding.whole('ivf', split='train'),
  counts={'train': 1083, 'test': 361},
  large=True,
  leaks=('made of MFNet: frames of the same drives lie on both sides',),
)

LLVIP = Card(
  name='llvip',
  task='ivf',
  title='LLVIP, 15,488 pairs of streets at night',
  size='1280 x 1024',
  homepage='https://github.com/bupt-ai-cz/LLVIP',
  licence=(
    'free for non-commercial purposes, with a citation; see "Term of Use and'
    ' License.md" of the owner'
  ),
  layout=(
    'infrared/train/010001.jpg ..., visible/train/010001.jpg ... (12,025)',
    'infrared/test/190001.jpg ..., visible/test/190001.jpg ... (3,463)',
  ),
  splits='train 12,025, test 3,463, as the owner has them',
  citation="""@inproceedings{jia2021llvip,
  title={LLVIP: A Visible-infrared Paired Dataset for Low-light Vision},
  author={Jia, Xinyu and Zhu, Chuang and Li, Minzhen and Tang, Wenqi and Zhou,
    Wenli},
  booktitle={Proceedings of the IEEE/CVF International Conference on Computer
    Vision},
  pages={3496--3504}, year={2021}
}""",
  find=finding.whole('ivf', split='train'),
  counts={'train': 12025, 'test': 3463},
  large=True,
  leaks=('26 places in all: many pictures show the same place',),
)

M3FD = Card(
  name='m3fd',
  task='ivf',
  title='M3FD, 4,200 pairs with boxes and 300 for fusion',
  size='1024 x 768',
  homepage='https://github.com/JinyuanLiu-CV/TarDAL',
  licence=UNSEEN,
  layout=(
    'M3FD_Detection/Ir/00000.png ..., M3FD_Detection/Vis/... (4,200 pairs)',
    'M3FD_Fusion/Ir/00000.png ..., M3FD_Fusion/Vis/... (300 pairs)',
  ),
  splits='train: the pairs for detection, test: those for fusion',
  citation="""@inproceedings{liu2022target,
  title={Target-aware Dual Adversarial Learning and a Multi-scenario
    Multi-Modality Benchmark to Fuse Infrared and Visible for Object Detection},
  author={Liu, Jinyuan and Fan, Xin and Huang, Zhanbo and Wu, Guanyao and Liu,
    Risheng and Zhong, Wei and Luo, Zhongxuan},
  booktitle={Proceedings of the IEEE/CVF Conference on Computer Vision and
    Pattern Recognition},
  year={2022}
}""",
  find=finding.parts(
    'ivf', {'train': ('M3FD_Detection',), 'test': ('M3FD_Fusion',)}
  ),
  counts={'train': 4200, 'test': 300},
  large=True,
)

VIFB = Card(
  name='vifb',
  task='ivf',
  title='VIFB, the benchmark of 21 pairs',
  size='various, about 320 x 240 to 630 x 460',
  homepage='https://github.com/xingchenzhang/VIFB',
  licence=NOT_STATED,
  layout=('input/IR/carLight.jpg ..., input/VI/carLight.jpg ... (21 each)',),
  splits='test alone',
  citation="""@inproceedings{zhang2020vifb,
  title={VIFB: A Visible and Infrared Image Fusion Benchmark},
  author={Zhang, Xingchen and Ye, Ping and Xiao, Gang},
  booktitle={Proceedings of the IEEE/CVF Conference on Computer Vision and
    Pattern Recognition Workshops},
  year={2020}
}""",
  find=finding.whole('ivf', split='test', below=('input',)),
  counts={'test': 21},
  leaks=(
    'the published FFMEF model of this task was trained on it: its scores on'
    ' it are no test',
  ),
)

CARDS = (
  *(TNO, FLIR, ROADSCENE, NIR_SCENE, KAIST),
  *(MSRS, LLVIP, M3FD, VIFB),
)
