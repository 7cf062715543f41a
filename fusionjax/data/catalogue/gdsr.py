"""Data sets of depth super-resolution guided by colour."""

from fusionjax.data.catalogue import finding, published
from fusionjax.data.catalogue.card import UNSEEN, Card

NYU = Card(
  name='nyu_v2',
  task='gdsr',
  title='NYU v2, the 1,449 labelled pairs; depths in metres',
  size='640 x 480',
  homepage='https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html',
  licence=UNSEEN,
  layout=(
    'nyu_depth_v2_labeled.mat (HDF5), or',
    'RGB/1444.jpg, Depth/1444.npy ... (the number is that of the .mat file)',
  ),
  splits='train: the first 1,000 pairs, test: the other 449, as papers do',
  citation="""@inproceedings{silberman2012indoor,
  title={Indoor Segmentation and Support Inference from RGBD Images},
  author={Silberman, Nathan and Hoiem, Derek and Kohli, Pushmeet and Fergus,
    Rob},
  booktitle={European Conference on Computer Vision},
  year={2012}
}""",
  find=published.nyu,
  counts={'train': 1000, 'test': 449},
  dtype='float32',
  large=True,
  download='nyu_depth_v2_labeled.mat, about 2.8 GB',
  leaks=('neighbouring numbers are views of one room: 464 rooms in all',),
  unverified='the size of the file; needs h5py',
)

MIDDLEBURY = Card(
  name='middlebury',
  task='gdsr',
  title='Middlebury stereo pictures with depth, as papers select them',
  size='various',
  homepage='https://vision.middlebury.edu/stereo/data/',
  licence=UNSEEN,
  layout=('RGB/NAME_output_color.png, Depth/NAME_output_depth.png',),
  splits='train alone',
  citation="""@inproceedings{scharstein2007learning,
  title={Learning Conditional Random Fields for Stereo},
  author={Scharstein, Daniel and Pal, Chris},
  booktitle={Computer Vision and Pattern Recognition},
  year={2007}
}""",
  find=finding.whole('gdsr', split='train'),
  unverified='papers select 30 or 36 pairs of several releases',
)

LU = Card(
  name='lu',
  task='gdsr',
  title='Lu, 6 pairs of colour and depth',
  size='640 x 480',
  homepage='https://web.cecs.pdx.edu/~fliu/project/depth-enhance/',
  licence=UNSEEN,
  layout=('RGB/NAME_color.png, Depth/NAME_depth.png',),
  splits='test alone',
  citation="""@inproceedings{lu2014depth,
  title={Depth Enhancement via Low-rank Matrix Completion},
  author={Lu, Si and Ren, Xiaofeng and Liu, Feng},
  booktitle={Computer Vision and Pattern Recognition},
  year={2014}
}""",
  find=finding.whole('gdsr', split='test'),
  counts={'test': 6},
)

RGBDD = Card(
  name='rgbdd',
  task='gdsr',
  title='RGB-D-D, depths of a phone and of a better camera',
  size='512 x 384',
  homepage='https://github.com/lingzhi96/RGB-D-D-Dataset',
  licence=(
    'academic, non-commercial use alone, after a signed agreement; derived'
    ' work under the same terms, as the owner states'
  ),
  layout=(
    'models/models_train/N/N_RGB.jpg, models/models_train/N/N_HR_gt.png ...',
    'plants/plants_train/..., portraits/portraits_train/..., and ..._test',
  ),
  splits=(
    'train 2,215 (1,586 portraits, 380 plants, 249 models), test 405 (297, 68,'
    ' 40), as the owner has them; 430 pairs of lights are for test too'
  ),
  citation="""@inproceedings{he2021towards,
  title={Towards Fast and Accurate Real-World Depth Super-Resolution: Benchmark
    Dataset and Baseline},
  author={He, Lingzhi and Zhu, Hongguang and Li, Feng and Bai, Huihui and Cong,
    Runmin and Zhang, Chunjie and Lin, Chunyu and Liu, Meiqin and Zhao, Yao},
  booktitle={Computer Vision and Pattern Recognition},
  year={2021}
}""",
  find=published.rgbdd,
  counts={'train': 2215, 'test': 405},
  dtype='uint16',
  large=True,
  unverified='the size, and the names of the files: as users read them',
)

CARDS = (NYU, MIDDLEBURY, LU, RGBDD)
