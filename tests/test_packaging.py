"""What is installed, in the two places that say so."""

import tomllib
from pathlib import Path

_TOP = Path(__file__).resolve().parents[1]


def lines(name: str) -> set[str]:
  text = (_TOP / name).read_text(encoding='utf-8')
  stripped = (line.strip() for line in text.splitlines())
  return {line for line in stripped if line and line[0] not in '#-'}


def test_requirements_are_those_of_the_package() -> None:
  project = tomllib.loads((_TOP / 'pyproject.toml').read_text('utf-8'))
  project = project['project']
  extras = project['optional-dependencies']
  assert lines('requirements.txt') == {
    *project['dependencies'],
    *extras['train'],
  }
  assert lines('requirements-dev.txt') == set(extras['dev'])
  assert project['scripts'] == {'fusionjax': 'fusionjax.cli:main'}


def test_ranges_rather_than_pins() -> None:
  for line in lines('requirements.txt') | lines('requirements-dev.txt'):
    assert '==' not in line.split(';')[0], line
    assert '>=' in line, line


def test_version() -> None:
  import fusionjax

  project = tomllib.loads((_TOP / 'pyproject.toml').read_text('utf-8'))
  assert fusionjax.__version__ == project['project']['version']
