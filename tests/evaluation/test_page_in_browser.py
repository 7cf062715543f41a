"""The page in a real browser: Chromium, without a window.

Skipped where Chromium, its driver or Selenium is absent; CI has them.
"""

import dataclasses
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fusionjax.evaluation import report as report_lib

_EVIL = '<script>alert(1)</script>'


def _absent(what: str) -> None:
  message = f'{what} is absent'
  if os.environ.get('CI'):
    pytest.fail(message)
  pytest.skip(message)


@pytest.fixture(scope='module')
def browser() -> Iterator[Any]:
  """A driver of Chromium that keeps what the console says."""
  try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service
  except ImportError:
    _absent('selenium')
  chromium = shutil.which('chromium') or shutil.which('chromium-browser')
  driver_path = shutil.which('chromedriver')
  if not chromium or not driver_path:
    _absent('chromium, or its chromedriver,')
  options = webdriver.ChromeOptions()
  options.binary_location = chromium
  options.add_argument('--headless=new')
  options.add_argument('--disable-dev-shm-usage')
  options.add_argument('--disable-gpu')
  if os.geteuid() == 0:
    # Chromium's sandbox does not run for root, as in a container.
    options.add_argument('--no-sandbox')
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  try:
    driver = webdriver.Chrome(options, Service(driver_path))
  except WebDriverException as error:
    _absent(f'a Chromium that starts ({error.msg})')
  yield driver
  driver.quit()


class _Page:
  """A page that is open."""

  def __init__(self, driver: Any, path: Path, width: int, height: int):
    self.driver = driver
    driver.get_log('browser')
    self.resize(width, height)
    driver.get(path.as_uri())

  def resize(self, width: int, height: int) -> None:
    self.driver.execute_cdp_cmd(
      'Emulation.setDeviceMetricsOverride',
      {
        'width': width,
        'height': height,
        'deviceScaleFactor': 1,
        'mobile': False,
      },
    )

  def run(self, script: str, *args: Any) -> Any:
    return self.driver.execute_script(script, *args)

  def all(self, selector: str) -> list[Any]:
    return self.driver.find_elements('css selector', selector)

  def one(self, selector: str) -> Any:
    return self.driver.find_element('css selector', selector)

  def wait(self, condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while not (found := condition()):
      assert time.monotonic() < deadline, 'the page does not get there'
      time.sleep(0.05)
    return found

  def choose(self, selector: str, value: str) -> None:
    self.run(
      'const e = document.querySelector(arguments[0]);'
      'e.value = arguments[1];'
      "e.dispatchEvent(new Event('change'))",
      selector,
      value,
    )

  def complaints(self) -> list[str]:
    return [entry['message'] for entry in self.driver.get_log('browser')]


@pytest.fixture
def page(browser, report, tmp_path) -> Iterator[_Page]:
  """The page of the small report; at the end its console must be empty."""
  path = tmp_path / 'out' / 'index.html'
  report_lib.write_page(report, path)
  opened = _Page(browser, path, 1200, 800)
  yield opened
  assert opened.complaints() == []


def _methods(page: _Page) -> list[str]:
  return [
    row.get_attribute('data-value')
    for row in page.all('#means tbody th')
    if row.is_displayed()
  ]


def test_the_table_sorts(page):
  given = ['one', 'two', _EVIL, 'lone', 'ink (paper)', 'far (paper)']
  assert _methods(page) == given
  method, qw, niqe = page.all('#means thead button')
  qw.click()
  best_first = ['far (paper)', 'lone', 'ink (paper)', 'one', _EVIL, 'two']
  assert _methods(page) == best_first
  head = page.one('#means thead th:nth-child(2)')
  assert head.get_attribute('aria-sort') == 'descending'
  qw.click()
  # What is no number stays last.
  assert _methods(page) == [*best_first[-2::-1], 'two']
  assert head.get_attribute('aria-sort') == 'ascending'
  qw.click()
  assert _methods(page) == given
  assert head.get_attribute('aria-sort') == 'none'
  # Lower is better; an infinite mean and no mean come last. By keyboard.
  page.run('arguments[0].focus()', niqe)
  niqe.send_keys('\ue007')
  assert _methods(page)[:3] == [_EVIL, 'one', 'lone']
  method.click()
  assert _methods(page) == [
    *(_EVIL, 'far (paper)', 'ink (paper)', 'lone', 'one', 'two')
  ]
  assert head.get_attribute('aria-sort') == 'none'


def test_rows_of_papers_can_be_hidden(page):
  page.one('#papers').click()
  assert _methods(page) == ['one', 'two', _EVIL, 'lone']
  page.one('#papers').click()
  assert len(_methods(page)) == 6


def test_charts_change(page):
  def shown(kind: str) -> int:
    return sum(each.is_displayed() for each in page.all(f'svg.{kind}'))

  assert (shown('boxes'), shown('bars')) == (2, 0)
  page.one('[name="view"][value="bars"]').click()
  assert (shown('boxes'), shown('bars')) == (0, 2)


def _divider(page: _Page) -> float:
  """Where the divider of the first scene is, as a share of the stage."""
  return page.run(
    'const box = (s) => document.querySelector(`#scene-0 ${s}`)'
    '.getBoundingClientRect();'
    "const [stage, line] = [box('.stage'), box('.divider')];"
    'return (line.left + line.width / 2 - stage.left) / stage.width'
  )


def test_the_slider_moves(page):
  from selenium.webdriver import ActionChains, Keys

  slider = page.wait(lambda: page.all('#scene-0 .stage input'))[0]
  assert _divider(page) == pytest.approx(0.5, abs=0.01)
  page.run("arguments[0].scrollIntoView({block: 'center'})", slider)
  width = slider.size['width']
  drag = ActionChains(page.driver).move_to_element(slider).click_and_hold()
  drag.move_by_offset(round(0.3 * width), 0).release().perform()
  assert _divider(page) == pytest.approx(0.8, abs=0.02)
  # The upper picture is cut off at the divider.
  clip = page.run(
    "return getComputedStyle(document.querySelector('#scene-0 .over')).clipPath"
  )
  cut = float(clip.split()[-1].rstrip('%)'))
  assert cut / 100 == pytest.approx(_divider(page), abs=0.01)
  before = _divider(page)
  slider.send_keys(Keys.ARROW_LEFT)
  assert _divider(page) < before
  slider.send_keys(Keys.HOME)
  assert _divider(page) == pytest.approx(0, abs=0.01)
  assert slider.get_attribute('aria-valuetext') == '0 % left'
  assert slider.get_attribute('type') == 'range'


def _pair(page: _Page, scene: int) -> list[str]:
  return [
    image.get_attribute('alt')
    for image in page.all(f'#scene-{scene} .stage img')
  ]


def test_any_two_pictures_are_compared(page):
  page.wait(lambda: _pair(page, 0))
  assert _pair(page, 0) == ['one', 'two']
  page.choose('#scene-0 .pick select', 'source 0')
  assert _pair(page, 0) == ['under', 'two']
  thumbs = page.all('#scene-0 .thumb')
  assert len(thumbs) == 6
  page.run("arguments[0].scrollIntoView({block: 'center'})", thumbs[4])
  thumbs[4].click()
  assert _pair(page, 0) == ['under', _EVIL]
  page.choose('#all-left', 'row lone')
  assert _pair(page, 0) == ['lone', _EVIL]
  # It has no picture of the second scene, which keeps what it shows.
  page.run("document.getElementById('scene-1').scrollIntoView()")
  page.wait(lambda: _pair(page, 1))
  assert _pair(page, 1)[1] == 'two'
  zoomed = page.all('#scene-0 .zooms img')
  assert [each.get_attribute('alt') for each in zoomed] == [
    'lone, zoomed',
    f'{_EVIL}, zoomed',
  ]


def test_pictures_are_whole_and_failures_named(page):
  page.run("document.getElementById('scene-3').scrollIntoView()")
  page.wait(lambda: page.all('#scene-3 .stage img'))
  sizes = page.wait(
    lambda: page.run(
      "const all = [...document.querySelectorAll('#scene-3 .thumb img')];"
      'return all.every((e) => e.complete) && '
      'all.map((e) => [e.naturalWidth, e.naturalHeight])'
    )
  )
  assert sizes == [[90, 72]] * 4
  missing = [each.text for each in page.all('#scene-3 .missing')]
  assert len(missing) == 2
  assert '3.png is not an image' in missing[0]
  assert missing[1] == 'no picture: it failed'
  captions = [each.text for each in page.all('#scene-3 .strip figcaption')]
  assert captions[:3] == ['under', 'over', 'one\n0.8000']
  page.choose('#metric', 'niqe')
  best = page.all('#scene-3 .strip .best')
  assert [each.text for each in best] == ['1.0000']
  page.one('#scene-3 summary').click()
  cells = page.wait(lambda: page.all('#scene-3 .values td'))
  assert [each.text for each in cells][:4] == [
    *('0.8000', '8.0000', '0.1000', '1.0000')
  ]


def test_scenes_are_found(page):
  from selenium.webdriver import Keys

  names = [each.text for each in page.all('.scene h3')]
  assert names == ['bay', _EVIL, 'cliff & "co"', 'dune']
  field = page.one('#filter')
  field.send_keys('CLI')
  assert [e.text for e in page.all('.scene h3') if e.is_displayed()] == [
    'cliff & "co"'
  ]
  assert page.one('#count').text == '1 of 4'
  field.send_keys(Keys.CONTROL, 'a', Keys.NULL, Keys.DELETE)
  assert all(e.is_displayed() for e in page.all('.scene h3'))
  page.choose('#jump', '2')
  bottom = (
    "return document.getElementById('bar').getBoundingClientRect().bottom"
  )
  top = (
    'return document.getElementById(arguments[0]).getBoundingClientRect().top'
  )
  page.wait(
    lambda: 0 <= page.run(top, 'scene-2') - page.run(bottom) < 40,
  )
  page.wait(
    lambda: page.run("return document.getElementById('jump').value=='2'")
  )
  page.one('#previous').click()
  page.wait(lambda: 0 <= page.run(top, 'scene-1') - page.run(bottom) < 40)
  assert page.run('return location.hash') == '#scene-1'


def test_a_narrow_window_and_a_dark_one(page):
  scroll = 'return document.documentElement.scrollWidth'
  for width in (320, 500, 820):
    page.resize(width, 700)
    page.run("document.getElementById('scene-0').scrollIntoView()")
    page.wait(lambda: _pair(page, 0))
    assert page.run(scroll) <= width
  ground = 'return getComputedStyle(document.body).backgroundColor'
  light = page.run(ground)
  page.driver.execute_cdp_cmd(
    'Emulation.setEmulatedMedia',
    {'features': [{'name': 'prefers-color-scheme', 'value': 'dark'}]},
  )
  dark = page.run(ground)
  page.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': []})
  assert light != dark


def test_scenes_far_away_hold_no_pictures(browser, report, tmp_path):
  scenes, methods = [], []
  for at in range(100):
    scene = report.scenes[at % 2]
    scenes.append(dataclasses.replace(scene, name=f'{at}'))
  for method in report.methods[:3]:
    files = list(method.pictures.values())
    pictures = {f'{at}': files[at % 2] for at in range(100)}
    scores = {f'{at}': {'qw': 0.5, 'niqe': 1.0} for at in range(100)}
    methods.append(
      dataclasses.replace(method, pictures=pictures, scores=scores)
    )
  path = tmp_path / 'many.html'
  report_lib.write_page(
    dataclasses.replace(report, scenes=tuple(scenes), methods=tuple(methods)),
    path,
  )
  page = _Page(browser, path, 1200, 800)
  page.run("document.getElementById('scene-0').scrollIntoView()")
  page.wait(lambda: _pair(page, 0))
  with_pictures = "return document.querySelectorAll('.scene:has(img)').length"
  assert 1 <= page.run(with_pictures) < 10
  page.choose('#jump', '80')
  page.wait(lambda: _pair(page, 80))
  assert page.run(with_pictures) < 25
  assert page.complaints() == []
