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


def test_a_line_wider_than_the_terminal_is_cleared_whole(monkeypatch):
  monkeypatch.setenv('COLUMNS', '10')
  stream = Terminal()
  console = progress.Console(stream=stream)
  console.show('x' * 25)
  console.show('y' * 10)
  console.show('z')
  # Three rows: two up to the first; then one row, even where it is full.
  written = stream.getvalue().split('\r')
  assert written[1].endswith('\x1b[2A')
  assert written[2] == '\x1b[J' + 'y' * 10
  assert written[3] == '\x1b[Jz'


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


def test_number_of_things():
  assert progress.number(1, 'scene') == '1 scene'
  assert progress.number(3, 'scene') == '3 scenes'
