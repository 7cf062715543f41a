"""Random numbers and permutations by (seed, position), in NumPy.

They are those of TensorFlow's `stateless_uniform` (Philox) and
`index_shuffle`, bit for bit: with and without TensorFlow a training sees the
same samples in the same order.

References:
  Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
  Beaulieu et al., The SIMON and SPECK families of lightweight block ciphers,
  2013.
"""

import numpy as np

_WORD = (1 << 32) - 1
_LONG = (1 << 64) - 1
# Of Philox-4x32 with ten rounds.
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
# TensorFlow mixes a seed by Philox itself, with this key.
_MIXING = (0x3EC8F720, 0x02461E29)
# Of Simon: constants of its keys, and what TensorFlow takes for the first one.
_SIMON_C, _SIMON_Z = 0xFFFFFFFC, 0x7369F885192C0EF5
_SIMON_FIRST = 498247692


def uniform(stream: int, position: int, count: int) -> np.ndarray:
  """Draws random numbers.

  Args:
    stream: any integer of 64 bits.
    position: likewise; another one gives other numbers.
    count: how many.

  Returns:
    [count] float32 in [0, 1).
  """
  stream, position = stream & _LONG, position & _LONG
  seed = (stream & _WORD, stream >> 32, position & _WORD, position >> 32)
  mixed = _philox(seed, _MIXING)
  words: list[int] = []
  key = mixed[:2]
  start = (mixed[3] << 96) | (mixed[2] << 64)
  for block in range(-(-count // 4)):
    at = start + block
    words += _philox(tuple(at >> bits & _WORD for bits in (0, 32, 64, 96)), key)
  bits = np.array(words[:count], np.uint32)
  # A float in [1, 2) whose fraction these bits are.
  fraction = (bits & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)
  return fraction.view(np.float32) - np.float32(1)


def _philox(
  counter: tuple[int, ...], key: tuple[int, ...]
) -> tuple[int, int, int, int]:
  """Four words of 32 bits."""
  c0, c1, c2, c3 = counter
  k0, k1 = key
  for _ in range(_ROUNDS):
    left, right = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
    c0, c1, c2, c3 = (
      (right >> 32) ^ c1 ^ k0,
      right & _WORD,
      (left >> 32) ^ c3 ^ k1,
      left & _WORD,
    )
    k0, k1 = (k0 + _STEPS[0]) & _WORD, (k1 + _STEPS[1]) & _WORD
  return c0, c1, c2, c3


def shuffled(place: int, *, stream: int, epoch: int, length: int) -> int:
  """Where a permutation of 0 .. length - 1 puts a place.

  Args:
    place: from 0 to length - 1.
    stream: any integer of 64 bits.
    epoch: likewise; each has a permutation of its own.
    length: of what is permuted.

  Returns:
    From 0 to length - 1.
  """
  bits = (length - 2).bit_length() if length > 2 else 0
  half = max(16, bits + bits % 2) // 2
  mask = (1 << half) - 1

  def rotated(word: int, by: int) -> int:
    return (word << by | word >> (half - by)) & mask

  def mixed(word: int) -> int:
    return rotated(word, 1) & rotated(word, 8) ^ rotated(word, 2)

  keys = [part & _WORD & mask for part in (_SIMON_FIRST, stream, epoch)]
  last = rotated(keys[2], half - 3) ^ rotated(keys[2], half - 4)
  keys.append(_SIMON_C & mask ^ _SIMON_Z & 1 ^ keys[0] ^ last)
  value = place
  while True:
    left, right = value >> half, value & mask
    for even, odd in (keys[:2], keys[2:]):
      left ^= mixed(right) ^ even
      right ^= mixed(left) ^ odd
    value = left << half | right
    # A cipher permutes powers of two: again, until it falls into the range.
    if value < length:
      return value
