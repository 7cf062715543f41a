"""Small files in the layouts in which the owners publish their sets."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import tifffile

SIZE = (20, 24)
# What stands for the 1,000 pairs of NYU v2 that are for training.
NYU_TRAIN = 3
# Scenes that each maker makes, by split.
Counts = dict[str, int]


def picture(path: Path, *, channels: int = 3, size=SIZE, dtype=np.uint8):
  """Writes a picture of noise, which the path alone decides."""
  path.parent.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(zlib.crc32(str(path).encode()))
  shape = size if channels == 1 else (*size, channels)
  pixels = rng.integers(0, np.iinfo(dtype).max, shape, dtype)
  if path.suffix == '.npy':
    np.save(path, pixels)
  elif path.suffix in ('.tif', '.tiff'):
    tifffile.imwrite(path, pixels)
  elif dtype == np.uint16:
    PIL.Image.fromarray(pixels).save(path)
  else:
    PIL.Image.fromarray(pixels).save(path, quality=95)


def pictures(root: Path, names: str, **options) -> None:
  """Writes several, named with spaces between."""
  for name in names.split():
    picture(root / name, **options)


def stack(folder: Path, count: int = 3, suffix: str = 'jpg') -> None:
  """Writes a folder of exposures, dark to bright."""
  for number in range(1, count + 1):
    picture(folder / f'{number}.{suffix}')


def sice(root: Path) -> Counts:
  for part, names in (('1', '1 2 3'), ('2', '1 2')):
    for name in names.split():
      stack(root / f'Dataset_Part{part}' / name, suffix='JPG')
      picture(root / f'Dataset_Part{part}' / 'Label' / f'{name}.JPG')
  return {'train': 3, 'test': 2}


def mefb(root: Path) -> Counts:
  pictures(root / 'input' / 'Arno', 'Arno_A.png arno3.png')
  pictures(root / 'input' / 'Lamp', 'Lamp_A.tif Lamp_B.tif')
  (root / 'input' / 'Lamp' / 'ev.txt').write_text('-2 2')
  return {'test': 2}


def stacks(split: str) -> Callable[[Path], Counts]:
  def make(root: Path) -> Counts:
    for name in ('Bandon_Sunset_1', 'Bandon_Sunset_2', 'Zurich'):
      stack(root / name, count=4 if name == 'Zurich' else 3)
    return {split: 3}

  return make


def lytro(root: Path) -> Counts:
  for number in ('01', '02', '03'):
    pictures(root, f'lytro-{number}-A.jpg lytro-{number}-B.jpg')
  return {'test': 3}


def mffw(root: Path) -> Counts:
  pictures(root, '1_1.jpg 1_2.jpg 2_1.jpg 2_2.jpg')
  return {'test': 2}


def triplets(*folders: str, ends=('', '', '')) -> Callable[[Path], Counts]:
  """Two sources and the sharp picture, in parallel folders."""

  def make(root: Path) -> Counts:
    for folder, end in zip(folders, ends, strict=True):
      pictures(root / folder, f'001{end}.png 002{end}.png')
    return {'train': 2}

  return make


def mfifb(root: Path) -> Counts:
  for name, suffix in (('books', 'jpg'), ('aymaz_01', 'bmp')):
    folder = root / 'input' / name
    pictures(folder, f'{name}_A.{suffix} {name}_B.{suffix}')
  return {'test': 2}


def tno(root: Path) -> Counts:
  pictures(root, 'IR1.png VIS1.png IR10.png VIS10.png', channels=1)
  return {'test': 2}


def flir(root: Path) -> Counts:
  for split, names in (('train', 'a.jpg b.jpg c.jpg'), ('test', 'd.jpg')):
    for folder in ('ir', 'vis'):
      pictures(root / split / folder, names)
  return {'train': 3, 'test': 1}


def roadscene(root: Path) -> Counts:
  for folder in ('cropinfrared', 'crop_HR_visible'):
    pictures(root / folder, 'FLIR_00006.jpg FLIR_video_00018.jpg')
  return {'train': 2}


def nir_scene(root: Path) -> Counts:
  for kind in ('country', 'water', 'oldbuilding', 'field'):
    pictures(root / kind, '0000_rgb.tiff 0000_nir.tiff')
  return {'train': 1, 'validation': 2, 'test': 1}


def kaist(root: Path) -> Counts:
  for video in ('set00/V000', 'set05/V001', 'set06/V000'):
    for folder in ('visible', 'lwir'):
      pictures(root / 'images' / video / folder, 'I00000.jpg I00020.jpg')
  return {'train': 4, 'test': 2}


def msrs(root: Path) -> Counts:
  for split, names in (('train', '1D.png 2N.png'), ('test', '3N.png')):
    picture(root / split / 'Segmentation_labels' / '1D.png', channels=1)
    pictures(root / split / 'ir', names, channels=1)
    pictures(root / split / 'vi', names)
  return {'train': 2, 'test': 1}


def llvip(root: Path) -> Counts:
  for folder in ('infrared', 'visible'):
    picture(root / folder / 'train' / '010001.jpg')
    picture(root / folder / 'test' / '190001.jpg')
  return {'train': 1, 'test': 1}


def m3fd(root: Path) -> Counts:
  for folder in ('Ir', 'Vis'):
    pictures(root / 'M3FD_Detection' / folder, '00000.png 00001.png')
    pictures(root / 'M3FD_Fusion' / folder, '00000.png')
  return {'train': 2, 'test': 1}


def vifb(root: Path) -> Counts:
  pictures(root / 'input' / 'IR', 'carLight.jpg peopleShadow.jpg')
  pictures(root / 'input' / 'VI', 'carLight.jpg peopleshadow.jpg')
  return {'test': 2}


def harvard_atlas(first: str) -> Callable[[Path], Counts]:
  channels = 1 if first == 'CT' else 3

  def make(root: Path) -> Counts:
    for split, names in (('train', '1.png 2.png'), ('test', '3.png')):
      pictures(root / split / first, names, channels=channels)
      pictures(root / split / 'MRI', names, channels=1)
    return {'train': 2, 'test': 1}

  return make


def radiance_file(path: Path, size=SIZE) -> None:
  """Writes Radiance RGBE without run lengths."""
  path.parent.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(zlib.crc32(str(path).encode()))
  pixels = rng.integers(1, 255, (*size, 4), np.uint8)
  pixels[..., 3] = 128
  head = f'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y {size[0]} +X {size[1]}\n'
  path.write_bytes(head.encode() + pixels.tobytes())


def kalantari(root: Path) -> Counts:
  for scene in ('Training/001', 'Training/002', 'Test/PAPER/BarbequeDay'):
    pictures(
      root / scene, '262A0898.tif 262A0899.tif 262A0900.tif', dtype=np.uint16
    )
    (root / scene / 'exposure.txt').write_text('-2.00\n0.00\n2.00\n')
    radiance_file(root / scene / 'HDRImg.hdr')
  return {'train': 2, 'test': 1}


def prabhakar(root: Path) -> Counts:
  for scene in ('train/1', 'test/2'):
    pictures(root / scene, 'input_1.tif input_2.tif input_3.tif')
    (root / scene / 'input_exp.txt').write_text('-3 0 3')
    radiance_file(root / scene / 'ref_hdr.hdr')
  return {'train': 1, 'test': 1}


def nyu_v2(root: Path) -> Counts:
  """As published: one file of HDF5; but the split is at `NYU_TRAIN`, 3."""
  import h5py

  rng = np.random.default_rng(0)
  root.mkdir(parents=True, exist_ok=True)
  count, (height, width) = 4, SIZE
  with h5py.File(root / 'nyu_depth_v2_labeled.mat', 'w') as file:
    file['images'] = rng.integers(
      0, 256, (count, 3, width, height), dtype=np.uint8
    )
    file['depths'] = rng.random((count, width, height), np.float32)
  return {'train': NYU_TRAIN, 'test': 1}


def depths(split: str) -> Callable[[Path], Counts]:
  def make(root: Path) -> Counts:
    pictures(root / 'RGB', 'X_01_output_color.png X_02_output_color.png')
    for name in ('X_01', 'X_02'):
      picture(root / 'Depth' / f'{name}_output_depth.png', channels=1)
    return {split: 2}

  return make


def rgbdd(root: Path) -> Counts:
  for kind, split, name in (
    *(('models', 'train', '20200518'), ('plants', 'train', '20200519')),
    ('portraits', 'test', '20200520'),
  ):
    folder = root / kind / f'{kind}_{split}' / name
    picture(folder / f'{name}_RGB.jpg')
    picture(folder / f'{name}_HR_gt.png', channels=1, dtype=np.uint16)
  return {'train': 2, 'test': 1}


def mat_file(path: Path, name: str, array: np.ndarray) -> None:
  """Writes MATLAB's version 5, uncompressed: one array of three axes."""
  kinds = {'float64': (6, 9), 'uint16': (11, 4)}
  class_, type_ = kinds[str(array.dtype)]

  def element(kind: int, data: bytes) -> bytes:
    head = struct.pack('<II', kind, len(data))
    return head + data + b'\0' * (-len(data) % 8)

  body = element(6, struct.pack('<II', class_, 0))
  body += element(5, struct.pack('<3i', *array.shape))
  body += element(1, name.encode())
  body += element(type_, array.tobytes(order='F'))
  head = b'MATLAB 5.0 MAT-file'.ljust(124) + struct.pack('<H', 0x0100) + b'IM'
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(head + element(14, body))


def cave(root: Path) -> Counts:
  for name in ('balloons', 'beads'):
    folder = root / f'{name}_ms' / f'{name}_ms'
    for band in range(1, 32):
      picture(folder / f'{name}_ms_{band:02d}.png', channels=1, dtype=np.uint16)
    picture(folder / f'{name}_RGB.bmp')
  return {'train': 2}


def harvard(root: Path) -> Counts:
  rng = np.random.default_rng(3)
  for name in ('imga1', 'imgb2'):
    mat_file(root / f'{name}.mat', 'ref', 3 * rng.random((*SIZE, 31)))
  return {'train': 2}


def landsat(root: Path) -> Counts:
  for number in ('01', '02', '03'):
    pictures(root, f'{number}_ms_b123.png {number}_ms_b456.png')
    double = (2 * SIZE[0], 2 * SIZE[1])
    picture(root / f'{number}_pan.png', channels=1, size=double)
  return {'train': 3}


MAKERS: dict[str, Callable[[Path], Counts]] = {
  'fusion_mef/sice': sice,
  'fusion_mef/mefb': mefb,
  'fusion_mef/hdrps': stacks('test'),
  'fusion_mef/deepfuse': stacks('train'),
  'fusion_mef/stacks': stacks('train'),
  'fusion_mff/lytro': lytro,
  'fusion_mff/mffw': mffw,
  'fusion_mff/mfi_whu': triplets('source_1', 'source_2', 'full_clear'),
  'fusion_mff/real_mff': triplets(
    'imageA', 'imageB', 'Fusion', ends=('_A', '_B', '_F')
  ),
  'fusion_mff/mf_voc': triplets('sourceA', 'sourceB', 'groundtruth'),
  'fusion_mff/mfifb': mfifb,
  'fusion_ivf/tno': tno,
  'fusion_ivf/flir': flir,
  'fusion_ivf/roadscene': roadscene,
  'fusion_ivf/nir_scene': nir_scene,
  'fusion_ivf/kaist': kaist,
  'fusion_ivf/msrs': msrs,
  'fusion_ivf/llvip': llvip,
  'fusion_ivf/m3fd': m3fd,
  'fusion_ivf/vifb': vifb,
  'fusion_medical/ct_mri': harvard_atlas('CT'),
  'fusion_medical/pet_mri': harvard_atlas('PET'),
  'fusion_medical/spect_mri': harvard_atlas('SPECT'),
  'fusion_hdr/kalantari': kalantari,
  'fusion_hdr/prabhakar': prabhakar,
  'fusion_gdsr/nyu_v2': nyu_v2,
  'fusion_gdsr/middlebury': depths('train'),
  'fusion_gdsr/lu': depths('test'),
  'fusion_gdsr/rgbdd': rgbdd,
  'fusion_msf/cave': cave,
  'fusion_msf/harvard': harvard,
  'fusion_msf/landsat': landsat,
}
