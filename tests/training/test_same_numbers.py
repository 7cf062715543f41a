"""The same losses on one device, on eight, in two processes, in parts.

Sums over a batch are rounded in another order where it lies on other devices,
so that nothing but one topology is equal to the last bit (test_kills.py). The
order of the data is the same to the last sample. Where absolute values, masks
and Adam amplify the rounding of float32 (of FFMEF from 1e-7 in the first step
to 6e-4 in the twentieth, as far as float32 is from float64; of MGDN, in
float64, from 1e-16 to 2e-10), float64 shows that the program is the same.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).with_name('same_numbers.py')
_CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
_BATCH = 'data.batch_size=8'


def _start(out, config, *changes, devices, steps, place=None):
  environment = {k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'}
  if place is not None:
    index, address = place
    environment |= {
      'JAX_PROCESS_ID': str(index),
      'JAX_NUM_PROCESSES': '2',
      'JAX_COORDINATOR_ADDRESS': address,
    }
  arguments = [str(out), str(devices), str(steps), str(config), *changes]
  return subprocess.Popen(
    [sys.executable, str(_SCRIPT), *arguments],
    env=environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def _results(processes, outs):
  for process in processes:
    said, _ = process.communicate(timeout=3000)
    assert process.returncode == 0, said
  return [next(iter(json.loads(out.read_text()).values())) for out in outs]


def _in_two_processes(kills, folder, config, *changes, steps):
  address = f'localhost:{kills.free_port()}'
  outs = [folder / f'two{index}.json' for index in range(2)]
  processes = [
    _start(
      outs[index],
      config,
      *changes,
      devices=4,
      steps=steps,
      place=(index, address),
    )
    for index in range(2)
  ]
  return _results(processes, outs)


def _assert_two_are_one(two, one, rel=1e-5):
  assert [r['devices'] for r in two] == [8, 8]
  assert two[0]['losses'] == two[1]['losses']
  assert two[0]['losses'] == pytest.approx(one['losses'], rel=rel)
  # The first process has the first half of every batch.
  joined = [a + b for a, b in zip(*(r['order'] for r in two), strict=True)]
  assert joined == one['order']


def test_cubes_on_one_device_and_in_two_processes_of_four(
  kills, same_numbers, tmp_path
):
  path = f'{_CONFIGS}/msf_csc.py:quick'
  # With batch norms, whose statistics are of all eight devices.
  small = {'data.batch_size': 8, 'model.features': 4, 'model.units': 1}
  changes = [f'{name}={value}' for name, value in small.items()]
  two = _in_two_processes(kills, tmp_path, path, *changes, steps=5)
  small['mesh.data'] = 1
  one = same_numbers.measure(same_numbers.open_config(path, small), 5)
  assert one['devices'] == 1
  _assert_two_are_one(two, one)


# One config a method; the others differ in their data alone. Whether parts of
# a batch give the same: not where batch norms see a part at a time.
_ALL = {
  'mef_ffmef': True,
  'ivf_fmm': True,
  'mef_mgdn': True,
  'gdsr_mgdn': True,
  'hdr_mgdn': True,
  'ivf_csc': False,
  'mef_csc': False,
  'msf_csc': False,
}
# Whose losses of 20 steps agree to 1e-5 in float32 as well.
_STEADY = ('ivf_fmm', 'mef_csc', 'msf_csc')


@pytest.mark.long
@pytest.mark.parametrize(('name', 'in_parts'), _ALL.items(), ids=list(_ALL))
def test_every_method_has_the_same_losses(kills, name, in_parts, tmp_path):
  path = f'{_CONFIGS}/{name}.py:quick'

  def run(*changes, devices=1, steps=20):
    out = tmp_path / 'out.json'
    arguments = (_BATCH, *changes)
    process = _start(out, path, *arguments, devices=devices, steps=steps)
    return _results([process], [out])[0]

  one = run('--double')
  two = _in_two_processes(kills, tmp_path, path, _BATCH, '--double', steps=20)
  _assert_two_are_one(two, one, rel=1e-9)
  steps = 20 if name in _STEADY else 2
  rounded, eight = run(steps=steps), run(devices=8, steps=steps)
  assert eight['devices'] == 8 and eight['order'] == one['order'][:steps]
  assert eight['losses'] == pytest.approx(rounded['losses'], rel=1e-5)
  if in_parts:
    # What is left out at random is drawn for each part.
    still = ('--double', 'model.drop_path=0.0')
    whole = run(*still) if 'mgdn' in name else one
    parts = run(*still, 'accumulation=2')
    assert parts['losses'] == pytest.approx(whole['losses'], rel=1e-9)
