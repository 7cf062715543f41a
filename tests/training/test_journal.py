import json
import math

from fusionjax.training import journal


def test_lines_come_back(tmp_path):
  log = journal.Journal(tmp_path / 'log.jsonl')
  log.write(2, {'train/loss': 0.5, 'x': math.nan})
  log.close()
  (line,) = journal.read(tmp_path / 'log.jsonl')
  assert (line['step'], line['train/loss'], line['x']) == (2, 0.5, None)
  assert line['time'] > 1e9


def test_a_resume_forgets_what_is_computed_again(tmp_path):
  path = tmp_path / 'log.jsonl'
  log = journal.Journal(path)
  for step in (2, 4, 6):
    log.write(step, {'a': 1.0})
  log.close()
  # A kill in the middle of a line.
  with path.open('a') as file:
    file.write('{"step": 8, "a"')
  again = journal.Journal(path, start_step=4)
  again.write(6, {'a': 2.0})
  again.close()
  lines = [json.loads(line) for line in path.read_text().splitlines()]
  assert [(x['step'], x['a']) for x in lines] == [(2, 1), (4, 1), (6, 2)]


def test_a_new_training_begins_a_new_log(tmp_path):
  path = tmp_path / 'log.jsonl'
  path.write_text('{"step": 0, "a": 1.0}\n')
  journal.Journal(path).close()
  assert journal.read(path) == []


def test_no_file_has_no_lines(tmp_path):
  assert journal.read(tmp_path / 'none') == []
