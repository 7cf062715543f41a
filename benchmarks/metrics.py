"""Speed of the metrics: one RGB pair, and a folder of pairs of many sizes.

For one 551 x 707 RGB pair and its fused picture, every metric of a toolbox
alone and all of them together: seconds of CPU in the steady state (of all
threads, the median of some runs), the first call, which compiles, and the same
metric in plain NumPy and SciPy or in a peer package, where one is written here
or installed. Then 100 pairs of 39 sizes through `evaluate` with two threads:
cold, and a second time.

  python benchmarks/metrics.py [--toolbox mefb] [--only pair|folder]
"""

import argparse
import concurrent.futures
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

HEIGHT, WIDTH = 551, 707
REPEATS = 5


def pair(height: int, width: int, seed: int) -> list[np.ndarray]:
  """A fused picture and two exposures with the statistics of photographs."""
  rng = np.random.default_rng(seed)
  rows, columns = np.fft.fftfreq(height), np.fft.rfftfreq(width)
  radius = np.hypot(rows[:, None], columns[None]) + 1 / max(height, width)
  layers = []
  for _ in range(3):
    phases = rng.uniform(0, 2 * np.pi, radius.shape)
    layers.append(
      np.fft.irfft2(np.exp(1j * phases) / radius**1.5, s=(height, width))
    )
  scene = np.stack(layers, -1)
  scene = (scene - scene.min()) / np.ptp(scene)
  under, over = np.clip(0.6 * scene, 0, 1), np.clip(1.5 * scene - 0.1, 0, 1)
  fused = (under + over) / 2
  return [(255 * each + 0.5).astype(np.uint8) for each in (fused, under, over)]


def measure(function: Callable[[], Any]) -> tuple[float, float, float]:
  """Seconds: of the first call, and wall and CPU of a later one."""
  begun = time.perf_counter()
  function()
  first = time.perf_counter() - begun
  walls, cpus = [], []
  for _ in range(REPEATS):
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    walls.append(time.perf_counter() - wall)
    cpus.append(time.process_time() - cpu)
  return first, statistics.median(walls), statistics.median(cpus)


def peers(pictures: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
  """Other implementations of single metrics, on the same pictures."""
  found: dict[str, Callable[[], Any]] = dict(plain(pictures))
  fused, *sources = pictures
  if importlib.util.find_spec('skimage'):
    from skimage.metrics import structural_similarity

    found['ssim (scikit-image)'] = lambda: [
      structural_similarity(
        fused,
        source,
        channel_axis=-1,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
      )
      for source in sources
    ]
  found.update(piq_metrics(pictures))
  return found


def piq_metrics(pictures: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
  """SSIM and VIFp of the package piq, where it can be imported."""
  try:
    import piq
    import torch
  except (ImportError, RuntimeError) as error:
    print(f'without piq: {error}')
    return {}
  tensors = [
    torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    for picture in pictures
  ]
  fused, *sources = tensors
  return {
    'ssim (piq, float32)': lambda: [
      piq.ssim(fused, each, downsample=False) for each in sources
    ],
    'vifp (piq, float32)': lambda: [piq.vif_p(fused, each) for each in sources],
  }


def plain(pictures: list[np.ndarray]) -> dict[str, Callable[[], Any]]:
  """Some metrics as one would write them with NumPy and SciPy."""
  if not importlib.util.find_spec('scipy'):
    return {}
  from scipy import ndimage

  planes = [
    [picture[..., channel].astype(float) for picture in pictures]
    for channel in range(3)
  ]

  def en() -> float:
    found = []
    for fused, *_ in planes:
      shares = np.bincount(fused.astype(int).ravel(), minlength=256)
      shares = shares[shares > 0] / fused.size
      found.append(-np.sum(shares * np.log2(shares)))
    return float(np.mean(found))

  def ag() -> float:
    found = []
    for fused, *_ in planes:
      down, right = np.gradient(fused)
      total = np.sum(np.sqrt((down**2 + right**2) / 2))
      found.append(total / ((fused.shape[0] - 1) * (fused.shape[1] - 1)))
    return float(np.mean(found))

  def edges(plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    right = ndimage.sobel(plane, axis=1, mode='constant')
    down = ndimage.sobel(plane, axis=0, mode='constant')
    flat = right == 0
    angle = np.arctan(-down / np.where(flat, 1, right))
    return np.hypot(right, down), np.where(flat, np.pi / 2, angle)

  def qabf() -> float:
    found = []
    for fused, *sources in planes:
      strength_fused, angle_fused = edges(fused)
      above = below = 0.0
      for source in sources:
        strength, angle = edges(source)
        low = np.minimum(strength, strength_fused)
        high = np.maximum(strength, strength_fused)
        ratio = np.where(low == high, high * 255, low / np.maximum(high, 1e-9))
        turn = 1 - np.abs(angle - angle_fused) / (np.pi / 2)
        quality = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5)))
        quality *= 0.9879 / (1 + np.exp(-22 * (turn - 0.8)))
        above += np.sum(quality * strength)
        below += np.sum(strength)
      found.append(above / below)
    return float(np.mean(found))

  def ssim() -> float:
    def blur(plane: np.ndarray) -> np.ndarray:
      return ndimage.gaussian_filter(plane, 1.5, radius=5)[5:-5, 5:-5]

    found = []
    for fused, *sources in planes:
      for source in sources:
        first, second = blur(fused), blur(source)
        spread = blur(fused**2) - first**2 + blur(source**2) - second**2
        shared = blur(fused * source) - first * second
        found.append(
          np.mean(
            (2 * first * second + 6.5025)
            * (2 * shared + 58.5225)
            / ((first**2 + second**2 + 6.5025) * (spread + 58.5225))
          )
        )
    return float(np.sum(found) / 3)

  return {
    'en (NumPy)': en,
    'ag (NumPy)': ag,
    'qabf (NumPy, SciPy)': qabf,
    'ssim (NumPy, SciPy)': ssim,
  }


def report_pair(toolbox: str) -> None:
  """Prints the table of one pair."""
  from fusionjax import metrics
  from fusionjax.metrics import registry

  pictures = pair(HEIGHT, WIDTH, seed=0)
  fused, *sources = pictures
  names = registry.select('all', toolbox=toolbox)
  print(f'\n{toolbox}, one RGB pair of {HEIGHT} x {WIDTH}, float64')
  print(f'{"metric":<22} {"CPU s":>8} {"wall s":>8} {"first call s":>13}')
  rows = [(name, (name,)) for name in names]
  for title, chosen in [*rows, (f'all {len(names)}', names)]:
    chosen_sources = sources
    if all(metrics.METRICS[name].reference for name in chosen):
      chosen_sources = sources[:1]
    first, wall, cpu = measure(
      lambda chosen=chosen, given=chosen_sources: metrics.evaluate(
        fused, given, metrics=chosen, toolbox=toolbox
      )
    )
    print(f'{title:<22} {cpu:>8.3f} {wall:>8.3f} {first:>13.2f}', flush=True)
  for title, function in peers(pictures).items():
    _, wall, cpu = measure(function)
    print(f'{title:<22} {cpu:>8.3f} {wall:>8.3f}', flush=True)


def report_folder(toolbox: str, count: int, sizes: int) -> None:
  """Prints cold and steady times of many pairs."""
  from fusionjax import metrics

  rng = np.random.default_rng(1)
  shapes = [
    tuple(int(s) for s in rng.integers(220, 900, 2)) for _ in range(sizes)
  ]
  scenes = [pair(*shapes[at % sizes], seed=at) for at in range(count)]
  pixels = sum(scene[0].shape[0] * scene[0].shape[1] for scene in scenes)

  def score(scene: list[np.ndarray]) -> Any:
    return metrics.evaluate(scene[0], scene[1:], toolbox=toolbox)

  seconds = []
  for _ in range(2):
    begun, cpu = time.perf_counter(), time.process_time()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      list(pool.map(score, scenes))
    seconds.append((time.perf_counter() - begun, time.process_time() - cpu))
  (cold, cold_cpu), (steady, steady_cpu) = seconds
  print(
    f'\n{toolbox}, {count} RGB pairs of {sizes} sizes, {pixels / 1e6:.1f} MP\n'
    f'cold {cold:.1f} s ({cold_cpu:.1f} CPU s), again {steady:.1f} s '
    f'({steady_cpu:.1f} CPU s): cold / steady = {cold / steady:.2f}'
  )


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--toolbox', default='mefb')
  parser.add_argument('--only', choices=('pair', 'folder'))
  parser.add_argument('--count', type=int, default=100)
  parser.add_argument('--sizes', type=int, default=39)
  args = parser.parse_args()
  if args.only != 'folder':
    report_pair(args.toolbox)
  if args.only != 'pair':
    report_folder(args.toolbox, args.count, args.sizes)


if __name__ == '__main__':
  main()
