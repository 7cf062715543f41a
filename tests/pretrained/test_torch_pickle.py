"""The reader of PyTorch files: what it reads, and what it never runs."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from fusionjax.errors import InputError
from fusionjax.pretrained.torch_pickle import read_torch_pickle

_MAGIC = 0x1950A86A20F9469CFC6C
_SYSTEM = {'protocol_version': 1001, 'little_endian': True, 'type_sizes': {}}
_KINDS = {
  'f4': 'FloatStorage',
  'f8': 'DoubleStorage',
  'f2': 'HalfStorage',
  'i8': 'LongStorage',
  'u1': 'ByteStorage',
  '?': 'BoolStorage',
}
_EMPTY_ORDERED_DICT = b'ccollections\nOrderedDict\n)R'

# Checkpoints are assembled from the opcodes of the pickle protocol, so that
# these tests need no PyTorch.


def _text(value):
  data = value.encode()
  return b'X' + struct.pack('<I', len(data)) + data


def _number(value):
  return b'J' + struct.pack('<i', value)


def _tuple(*items):
  return b'(' + b''.join(items) + b't'


def _storage(key, kind, count):
  """A reference to a storage, as torch.save writes it."""
  return _tuple(
    _text('storage'),
    b'ctorch\n' + _KINDS[kind].encode() + b'\n',
    _text(key),
    _text('cpu'),
    _number(count),
  )


def _tensor(storage, shape, strides, offset=0):
  return (
    b'ctorch._utils\n_rebuild_tensor_v2\n'
    + _tuple(
      storage + b'Q',
      _number(offset),
      _tuple(*map(_number, shape)),
      _tuple(*map(_number, strides)),
      b'\x89',
      _EMPTY_ORDERED_DICT,
    )
    + b'R'
  )


def _parameter(tensor):
  arguments = _tuple(tensor, b'\x88', _EMPTY_ORDERED_DICT)
  return b'ctorch._utils\n_rebuild_parameter\n' + arguments + b'R'


def _dict(**items):
  body = b''.join(_text(name) + value for name, value in items.items())
  return _EMPTY_ORDERED_DICT + b'(' + body + b'u'


def _pickle(body):
  return b'\x80\x02' + body + b'.'


def _zip_file(saved, storages, **extra):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as archive:
    archive.writestr('archive/data.pkl', saved)
    for key, values in storages.items():
      archive.writestr(f'archive/data/{key}', values.tobytes())
    for name, data in extra.items():
      archive.writestr(f'archive/{name}', data)
  return buffer.getvalue()


def _legacy_file(saved, storages, magic=None, protocol=None, keys=None):
  parts = [
    magic or pickle.dumps(_MAGIC, 2),
    protocol or pickle.dumps(1001, 2),
    pickle.dumps(_SYSTEM, 2),
    saved,
    keys or pickle.dumps(list(storages), 2),
  ]
  for values in storages.values():
    parts.append(struct.pack('<q', values.size) + values.tobytes())
  return b''.join(parts)


_FORMATS = {'zip': _zip_file, 'legacy': _legacy_file}


@pytest.fixture(params=_FORMATS)
def save(request, tmp_path):
  """Writes a checkpoint in each of the two formats."""

  def write(saved, storages=None, **options):
    path = tmp_path / 'a.pth'
    path.write_bytes(_FORMATS[request.param](saved, storages or {}, **options))
    return path

  return write


def test_reads_tensors_views_and_plain_data(save):
  numbers = np.arange(12, dtype='f4')
  whole = _storage('0', 'f4', 12)
  state = _dict(
    weight=_tensor(whole, (3, 4), (4, 1)),
    turned=_parameter(_tensor(whole, (4, 3), (1, 4))),
    part=_tensor(whole, (2, 2), (4, 1), 5),
    scalar=_tensor(whole, (), (), 7),
    empty=_tensor(whole, (0, 3), (3, 1)),
  )
  epoch = _number(30)
  names = b']' + _text('a') + b'a'
  path = save(
    _pickle(_dict(model=state, epoch=epoch, names=names)), {'0': numbers}
  )
  read = read_torch_pickle(path)
  assert read['epoch'] == 30
  assert read['names'] == ['a']
  grid = numbers.reshape(3, 4)
  np.testing.assert_array_equal(read['model']['weight'], grid)
  np.testing.assert_array_equal(read['model']['turned'], grid.T)
  np.testing.assert_array_equal(read['model']['part'], grid[1:, 1:3])
  assert read['model']['scalar'] == 7
  assert read['model']['scalar'].shape == ()
  assert read['model']['empty'].shape == (0, 3)


@pytest.mark.parametrize('kind', _KINDS)
def test_reads_every_kind_of_number(save, kind):
  values = np.array([1, 0, 1, 1], kind)
  tensor = _tensor(_storage('k', kind, 4), (4,), (1,))
  read = read_torch_pickle(save(_pickle(_dict(a=tensor)), {'k': values}))
  assert read['a'].dtype == values.dtype
  np.testing.assert_array_equal(read['a'], values)


def _call(canary, how):
  """A pickle body that would make a file if it were executed."""
  command = f'touch {canary}'
  opened = b'cbuiltins\nopen\n' + _tuple(_text(str(canary)), _text('w')) + b'R'
  evaluated = _text(f"open({str(canary)!r}, 'w')")
  return {
    'system': b'cposix\nsystem\n' + _tuple(_text(command)) + b'R',
    'os': b'cos\nsystem\n' + _tuple(_text(command)) + b'R',
    'eval': b'c__builtin__\neval\n' + _tuple(evaluated) + b'R',
    'stack': _text('builtins')
    + _text('eval')
    + b'\x93'
    + _tuple(evaluated)
    + b'R',
    'inst': b'(' + _text(command) + b'ios\nsystem\n',
    'object': b'(cos\nsystem\n' + _text(command) + b'o',
    'new': b'csubprocess\nPopen\n' + _tuple(_text(f'touch {canary}')) + b'\x81',
    'persistent': _tensor(
      _tuple(_text('storage'), opened, _text('0'), _text('cpu'), _number(1)),
      (1,),
      (1,),
    ),
    'torch': b'ctorch\nload\n' + _tuple(_text(str(canary))) + b'R',
    'dotted': _text('collections')
    + _text('OrderedDict.__init__')
    + b'\x93'
    + _tuple(evaluated)
    + b'R',
    'numpy': b'cnumpy\nsave\n' + _tuple(_text(str(canary)), _number(1)) + b'R',
    'hidden': _dict(a=_dict(b=b'](' + opened + b'e')),
  }[how]


_CALLS = [
  'system',
  'os',
  'eval',
  'stack',
  'inst',
  'object',
  'new',
  'persistent',
  'torch',
  'dotted',
  'numpy',
  'hidden',
]


@pytest.mark.parametrize('how', _CALLS)
def test_refuses_and_never_executes(save, tmp_path, how):
  canary = tmp_path / 'canary'
  path = save(_pickle(_call(canary, how)))
  with pytest.raises(InputError, match='refused: it wants') as raised:
    read_torch_pickle(path)
  assert str(path) in str(raised.value)
  assert '\n' not in str(raised.value)
  assert not canary.exists()


class _Opens:
  """Pickles as a call that makes a file."""

  def __init__(self, canary):
    self.canary = canary

  def __reduce__(self):
    return open, (str(self.canary), 'w')


@pytest.mark.parametrize('protocol', range(6))
def test_refuses_a_reduce_of_any_protocol(save, tmp_path, protocol):
  canary = tmp_path / 'canary'
  saved = pickle.dumps({'model': _Opens(canary)}, protocol)
  pickle.loads(saved)
  assert canary.exists(), 'the pickle is not malicious: the test is void'
  canary.unlink()
  with pytest.raises(InputError, match='refused'):
    read_torch_pickle(save(saved))
  assert not canary.exists()


@pytest.mark.parametrize('place', ['magic', 'protocol', 'keys'])
def test_refuses_in_every_pickle_of_a_legacy_file(tmp_path, place):
  canary = tmp_path / 'canary'
  bad = pickle.dumps(_Opens(canary), 2)
  path = tmp_path / 'a.pth'
  path.write_bytes(_legacy_file(_pickle(_dict()), {}, **{place: bad}))
  with pytest.raises(InputError, match='refused'):
    read_torch_pickle(path)
  assert not canary.exists()


def test_does_not_change_what_it_hands_out(save):
  # BUILD sets attributes of whatever lies on the stack.
  for target in (
    b'ctorch._utils\n_rebuild_tensor_v2\n',
    b'ctorch._utils\n_rebuild_parameter\n',
    b'ctorch\nFloatStorage\n',
    b'ccollections\nOrderedDict\n',
  ):
    state = _tuple(b'N', b'}' + _text('extra') + _number(1) + b's')
    for build in (state, b'}' + _text('extra') + _number(1) + b's'):
      with pytest.raises(InputError):
        read_torch_pickle(save(_pickle(target + build + b'b')))


def test_refuses_tensors_outside_their_storage(save):
  storage = _storage('0', 'f4', 4)
  numbers = {'0': np.zeros(4, 'f4')}
  for tensor in (
    _tensor(storage, (5,), (1,)),
    _tensor(storage, (2,), (1,), 3),
    _tensor(storage, (2, 2), (3, 1)),
    _tensor(storage, (2,), (-1,), 1),
    _tensor(storage, (1 << 30, 1 << 30), (0, 0)),
  ):
    with pytest.raises(InputError, match='refused'):
      read_torch_pickle(save(_pickle(tensor), numbers))


def test_refuses_storages_larger_than_the_file(save):
  tensor = _tensor(_storage('0', 'f4', (1 << 31) - 1), (1,), (1,))
  with pytest.raises(InputError, match='larger than the file'):
    read_torch_pickle(save(_pickle(tensor), {'0': np.zeros(1, 'f4')}))


def test_refuses_a_memo_larger_than_the_file(save):
  # The unpickler would make a table of 2**33 entries.
  with pytest.raises(InputError, match='remembers more than it holds'):
    read_torch_pickle(save(_pickle(b']r\xff\xff\xff\xff')))


def test_refuses_what_holds_itself(save):
  # MEMOIZE a list, then append it to itself.
  with pytest.raises(InputError, match='nested too deeply'):
    read_torch_pickle(save(_pickle(b']q\x00h\x00a')))


def test_ends_on_a_structure_that_unfolds_without_end(save):
  body = b']q\x00' + b'0'
  for level in range(25):
    inner = b'h' + bytes([level])
    body += b'](' + inner * 30 + b'e' + b'q' + bytes([level + 1]) + b'0'
  read = read_torch_pickle(save(_pickle(body + b'h' + bytes([25]))))
  assert len(read) == 30


def test_refuses_other_objects_left_in_the_result(save):
  for body in (b'ctorch\nFloatStorage\n', b'ccollections\nOrderedDict\n'):
    with pytest.raises(InputError, match='refused: it holds'):
      read_torch_pickle(save(_pickle(_dict(a=body))))


def test_refuses_a_compressed_member(tmp_path):
  path = tmp_path / 'a.pth'
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr('archive/data.pkl', _pickle(_dict()))
  with pytest.raises(InputError, match='compressed'):
    read_torch_pickle(path)


def test_refuses_big_endian(tmp_path):
  path = tmp_path / 'a.pth'
  path.write_bytes(_zip_file(_pickle(_dict()), {}, byteorder=b'big'))
  with pytest.raises(InputError, match='big-endian'):
    read_torch_pickle(path)


def test_damaged_files_are_one_line(save, tmp_path):
  tensor = _tensor(_storage('0', 'f4', 64), (64,), (1,))
  path = save(_pickle(_dict(a=tensor)), {'0': np.ones(64, 'f4')})
  data = path.read_bytes()
  for size in (0, 1, 20, 60, len(data) // 2, len(data) - 30):
    path.write_bytes(data[:size])
    with pytest.raises(InputError) as raised:
      read_torch_pickle(path)
    assert '\n' not in str(raised.value)
  path.write_bytes(b'these are words, no weights')
  with pytest.raises(InputError, match='no PyTorch checkpoint'):
    read_torch_pickle(path)
  with pytest.raises(InputError, match='cannot be read'):
    read_torch_pickle(tmp_path / 'absent.pth')


_PUBLISHED = {
  'ffmef/mef.pth': (217, 7732),
  'ffmef/mff.pth': (217, 7732),
  'ffmef/vif.pth': (217, 7732),
  'mgdn/62000_E.pth': (220, 708579),
  'csc_ivfn/LISTA_Base_Train.model': (64, 11784),
  'csc_ivfn/LISTA_Detail_Train.model': (64, 11784),
  'csc_ivfn/LISTA_Decoder.model': (18, 23383),
  'csc_mefn/best_net.pth': (24, 1444),
  'csc_msfn/best_net.pth': (53, 627974),
}


@pytest.mark.parametrize('name', _PUBLISHED)
def test_reads_the_published_files(reference, name):
  saved = read_torch_pickle(reference / 'weights' / name)
  state = saved.get('model', saved)
  keys, numbers = _PUBLISHED[name]
  assert len(state) == keys
  assert sum(array.size for array in state.values()) == numbers
  assert all(np.isfinite(array).all() for array in state.values())


def test_knows_every_published_file(reference):
  folder = reference / 'weights'
  files = [*folder.rglob('*.pth'), *folder.rglob('*.model')]
  assert {str(path.relative_to(folder)) for path in files} == set(_PUBLISHED)
