import io

import pytest

from fusionjax.training import progress


class Terminal(io.StringIO):
  def isatty(self):
    return True


class Clock:
  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


def _progress(stream, clock):
  console = progress.Console(stream=stream)
  line = progress.Progress(
    console, steps=100, start_step=10, batch_size=4, clock=clock
  )
  return console, line


def test_line_has_rate_and_time_left():
  stream, clock = io.StringIO(), Clock()
  _, line = _progress(stream, clock)
  clock.now += 5
  rate = line.update(20, {'loss': 0.51234, 'near': 1e-5})
  assert rate == pytest.approx(8.0)
  assert stream.getvalue() == (
    'step  20/100  loss 0.5123  near 1e-05  8.0 images/s  40 s left\n'
  )


def test_pause_does_not_count():
  stream, clock = io.StringIO(), Clock()
  _, line = _progress(stream, clock)
  clock.now += 5
  line.pause()
  clock.now += 1000
  line.resume()
  assert line.update(20, {'loss': 1.0}) == pytest.approx(8.0)


def test_first_step_has_no_rate():
  stream, clock = io.StringIO(), Clock()
  _, line = _progress(stream, clock)
  line.update(10, {'loss': 1.0})
  assert 'images/s' not in stream.getvalue()


def test_carriage_return_on_a_terminal_only():
  stream, clock = Terminal(), Clock()
  console, line = _progress(stream, clock)
  clock.now += 1
  line.update(20, {'loss': 1.0})
  line.update(30, {'loss': 1.0})
  assert stream.getvalue().count('\r') == 2
  assert '\n' not in stream.getvalue()
  console.say('saved')
  assert stream.getvalue().endswith('\nsaved\n')
  console.close()
  assert stream.getvalue().endswith('\nsaved\n')


def test_quiet_prints_nothing():
  stream = io.StringIO()
  console = progress.Console(stream=stream, quiet=True)
  console.say('a')
  console.show('b')
  console.close()
  assert stream.getvalue() == ''


@pytest.mark.parametrize(
  ('seconds', 'text'),
  [(3.4, '3 s'), (200, '3 min 20 s'), (18120, '5 h 02 min')],
)
def test_duration(seconds, text):
  assert progress.duration(seconds) == text
