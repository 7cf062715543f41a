import subprocess
import sys

from tensorboard.backend.event_processing import event_accumulator

from fusionjax.training import scalars


def _read(folder):
  found = event_accumulator.EventAccumulator(str(folder))
  found.Reload()
  return {
    tag: [(event.step, event.value) for event in found.Scalars(tag)]
    for tag in found.Tags()['scalars']
  }


def test_tensorboard_reads_what_is_written(tmp_path):
  log = scalars.ScalarLog(tmp_path / 'tensorboard')
  log.write(1, {'train/loss': 0.5, 'eval/en': 7.0})
  log.write(2, {'train/loss': 0.25})
  log.close()
  found = _read(tmp_path / 'tensorboard')
  assert found == {'train/loss': [(1, 0.5), (2, 0.25)], 'eval/en': [(1, 7.0)]}


def test_resume_hides_what_will_be_done_again(tmp_path):
  log = scalars.ScalarLog(tmp_path)
  for step in (1, 2, 3, 4):
    log.write(step, {'loss': float(step)})
  log.close()
  log = scalars.ScalarLog(tmp_path, start_step=2)
  log.write(3, {'loss': 30.0})
  log.close()
  assert _read(tmp_path)['loss'] == [(1, 1.0), (2, 2.0), (3, 30.0)]


def test_writing_needs_no_tensorflow(tmp_path):
  code = (
    'import sys, pathlib; from fusionjax.training import scalars; '
    'log = scalars.ScalarLog(pathlib.Path(sys.argv[1])); '
    "log.write(1, {'loss': 1.0}); log.close(); "
    "assert 'tensorflow' not in sys.modules"
  )
  subprocess.run([sys.executable, '-c', code, str(tmp_path)], check=True)
