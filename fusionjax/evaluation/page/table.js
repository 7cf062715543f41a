'use strict';

// The table of means: a heading sorts best first, then worst first, then back.
{
  const table = document.getElementById('means');
  const body = table.tBodies[0];
  const rows = [...body.rows];

  const compare = (column, better, order) => (a, b) => {
    const [x, y] = [a, b].map((row) => row.cells[column].dataset.value);
    if (better === 'name') return order * x.localeCompare(y);
    // What is missing or no finite number comes last, whatever the order.
    const [u, v] = [x, y].map((text) => Number(text ?? NaN));
    const [known, other] = [u, v].map(Number.isFinite);
    if (!known || !other) return Number(other) - Number(known);
    return order * (better === 'higher' ? v - u : u - v);
  };

  const sort = (heading) => {
    const order = { 1: -1, '-1': 0, 0: 1 }[heading.dataset.order ?? 0];
    for (const each of table.tHead.rows[0].cells) {
      each.dataset.order = 0;
      each.setAttribute('aria-sort', 'none');
    }
    heading.dataset.order = order;
    const better = heading.dataset.better;
    if (order) {
      const down = (better === 'higher') === (order === 1);
      heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    }
    const sorted = [...rows];
    if (order) sorted.sort(compare(heading.cellIndex, better, order));
    body.append(...sorted);
  };

  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector('button').onclick = () => sort(heading);
  }

  const papers = document.getElementById('papers');
  papers.onchange = () => {
    for (const row of rows) {
      row.hidden = !papers.checked && row.classList.contains('k-paper');
    }
  };

  const charts = document.getElementById('charts');
  for (const choice of charts.querySelectorAll('[name="view"]')) {
    choice.onchange = () => (charts.dataset.view = choice.value);
  }
}
