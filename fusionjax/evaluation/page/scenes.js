// Scenes: their pictures are put in when they come near the window.
{
  const $ = (id) => document.getElementById(id);
  const read = (id) => JSON.parse($(id).textContent);
  const run = read('run');
  const articles = [...document.querySelectorAll('.scene')];
  // What is shown of each article, once it is built.
  const built = new Map();

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const option = (value, text) => make('option', { value }, text);
  const image = (data, alt) =>
    make('img', {
      src: `data:image/jpeg;base64,${data}`,
      alt,
      decoding: 'async',
      draggable: 'false',
    });

  // Pictures that are compared in every scene: the first results, or sources.
  const keys = run.pictures.map(([key]) => key);
  const results = keys.filter((key) => key.startsWith('row '));
  const [left, right] = [...results, ...keys];
  $('all-left').append(...run.pictures.map((each) => option(...each)));
  $('all-right').append(...run.pictures.map((each) => option(...each)));
  $('all-left').value = left;
  $('all-right').value = right ?? left;
  $('metric').append(
    ...run.metrics.map(([name, arrow]) => option(name, `${name} ${arrow}`)),
    option('', 'none'),
  );

  const score = (view) => {
    const [text, rank] = view.cells?.[$('metric').value] ?? ['', null];
    const shown = make('data', {}, text);
    if (rank === 0) shown.className = 'best';
    if (rank === 1) shown.className = 'second';
    return shown;
  };
  const caption = (view, after = '') =>
    make(
      'figcaption',
      {},
      make('span', { title: view.label + after }, view.label + after),
      score(view),
    );

  // The two pictures of a scene that are compared, and the divider.
  const makePair = (data) => {
    const shown = data.views.filter((view) => view.preview);
    const find = (key) => shown.find((view) => view.key === key);
    const selects = ['left', 'right'].map((side) =>
      make(
        'select',
        { 'aria-label': `Picture on the ${side}` },
        ...shown.map((view) => option(view.key, view.label)),
      ),
    );
    const slider = make('input', {
      type: 'range',
      min: 0,
      max: 100,
      step: 0.5,
      value: 50,
      'aria-label': 'Divider between the left and the right picture',
    });
    const stage = make('div', { class: 'stage' });
    const zooms = make('div', { class: 'zooms' });
    const compare = make(
      'div',
      { class: 'compare' },
      make('div', { class: 'pick' }, ...selects),
      stage,
    );
    const [width, height] = shown[0].size;
    // As large as the window lets it be, and not enlarged too far.
    compare.style.setProperty('--ratio', `${width} / ${height}`);
    compare.style.setProperty(
      '--wide',
      `min(${(64 * width) / height}vh, ${2.5 * width}px)`,
    );
    const move = () => {
      stage.style.setProperty('--at', `${slider.value}%`);
      slider.setAttribute('aria-valuetext', `${slider.value} % left`);
    };
    slider.oninput = move;
    const draw = () => {
      const pair = selects.map((select) => find(select.value) ?? shown[0]);
      const pictures = pair.map((view) => image(view.preview, view.label));
      pictures[1].className = 'over';
      const divider = make('div', { class: 'divider' });
      // The slider stays where it is: it may have the focus.
      for (const old of [...stage.children]) if (old !== slider) old.remove();
      stage.prepend(...pictures, divider);
      if (!slider.isConnected) stage.append(slider);
      zooms.replaceChildren(
        ...pair.map((view, at) =>
          make(
            'figure',
            {},
            caption(view, at ? ', right' : ', left'),
            image(view.crop, `${view.label}, zoomed`),
          ),
        ),
      );
    };
    const put = (at, key) => {
      if (find(key)) selects[at].value = key;
      draw();
    };
    selects.forEach((select) => (select.onchange = draw));
    selects[0].value = find($('all-left').value)?.key ?? shown[0].key;
    selects[1].value = find($('all-right').value)?.key ?? shown.at(-1).key;
    draw();
    move();
    return { element: make('div', { class: 'pair' }, compare, zooms), put, draw };
  };

  const makeFigure = (view, box, choose) => {
    const figure = make('figure', {}, caption(view));
    if (!view.preview) {
      figure.append(make('div', { class: 'missing' }, view.error));
      return figure;
    }
    const mark = make('i');
    ['left', 'top', 'width', 'height'].forEach((side, at) => {
      mark.style[side] = `${100 * box[at]}%`;
    });
    const thumb = make('div', { class: 'thumb' });
    thumb.append(image(view.preview, view.label), mark);
    thumb.onclick = (event) => choose(event.shiftKey ? 0 : 1, view.key);
    const part = image(view.crop, `${view.label}, zoomed`);
    part.className = 'part';
    figure.append(thumb, part);
    return figure;
  };

  const makeValues = (data) => {
    const rows = data.views.filter((view) => view.cells);
    const cell = ([text, rank] = ['', null]) =>
      make('td', { class: { 0: 'best', 1: 'second' }[rank] ?? '' }, text);
    const head = run.metrics.map(([name, arrow]) =>
      make('th', { scope: 'col' }, `${name} ${arrow}`),
    );
    return make(
      'table',
      { class: 'values' },
      make('thead', {}, make('tr', {}, make('th', {}, 'method'), ...head)),
      make(
        'tbody',
        {},
        ...rows.map((view) =>
          make(
            'tr',
            {},
            make('th', { scope: 'row' }, view.label),
            ...run.metrics.map(([name]) => cell(view.cells[name])),
          ),
        ),
      ),
    );
  };

  const build = (article) => {
    if (built.has(article)) return;
    const data = read(article.id.replace('scene', 'data'));
    const pair = data.box ? makePair(data) : null;
    const strip = make('div', { class: 'strip' });
    const draw = () => {
      strip.replaceChildren(
        ...data.views.map((view) => makeFigure(view, data.box, pair?.put)),
      );
      pair?.draw();
    };
    built.set(article, { draw, pair });
    const values = make('div', { class: 'scroll', tabindex: 0 });
    const details = make('details', {}, make('summary', {}, 'All scores'));
    details.append(values);
    details.ontoggle = () => {
      if (!values.firstChild) values.append(makeValues(data));
    };
    if (pair) article.append(pair.element);
    article.append(strip, details);
    draw();
  };

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) build(entry.target);
      }
    },
    { rootMargin: '1000px' },
  );
  articles.forEach((article) => watcher.observe(article));
  addEventListener('beforeprint', () => articles.forEach(build));

  ['all-left', 'all-right'].forEach((id, at) => {
    $(id).onchange = () => {
      for (const { pair } of built.values()) pair?.put(at, $(id).value);
    };
  });
  $('metric').onchange = () => {
    for (const { draw } of built.values()) draw();
  };

  // Finding scenes, and going through them.
  const visible = () => articles.filter((article) => !article.hidden);
  const go = (article) => {
    if (!article) return;
    build(article);
    location.replace(`#${article.id}`);
  };
  const filter = () => {
    const text = $('filter').value.trim().toLowerCase();
    articles.forEach((article, at) => {
      const hidden = !article.dataset.name.toLowerCase().includes(text);
      article.hidden = $('jump').options[at].hidden = hidden;
    });
    $('count').value = text ? `${visible().length} of ${articles.length}` : '';
    follow();
  };
  // The list names the scene that the window shows.
  const current = () => {
    const top = $('bar').getBoundingClientRect().bottom;
    const least = Math.max(top, 0) + 40;
    const ends = (article) => article.getBoundingClientRect().bottom;
    const shown = visible();
    return shown.find((article) => ends(article) > least) ?? shown.at(-1);
  };
  let waiting = false;
  const follow = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      $('jump').value = articles.indexOf(current());
    });
  };
  addEventListener('scroll', follow, { passive: true });
  // What is jumped to must not lie under the bar.
  new ResizeObserver(() => {
    const sticky = getComputedStyle($('bar')).position === 'sticky';
    const room = sticky ? $('bar').offsetHeight : 0;
    document.documentElement.style.scrollPaddingTop = `${room + 10}px`;
  }).observe($('bar'));
  const step = (by) => {
    const shown = visible();
    go(shown[shown.indexOf(current()) + by]);
  };
  $('filter').oninput = filter;
  $('bar').onsubmit = (event) => {
    event.preventDefault();
    go(visible()[0]);
  };
  $('jump').onchange = () => go(articles[$('jump').value]);
  $('previous').onclick = () => step(-1);
  $('next').onclick = () => step(1);
}
