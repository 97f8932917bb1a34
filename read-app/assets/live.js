// Keeps the page alive: one query after another, each a request for the living part of the page. The
// server renders that part as it renders the page, so this script computes nothing about the pods.
(() => {
  'use strict';
  const byId = (id) => document.getElementById(id);
  const form = byId('controls'), rate = byId('rate'), speed = byId('speed'), play = byId('play');
  if (!form) return;
  const mostQueries = Math.max(...[...form.elements.ask].map((button) => button.value));
  const calm = matchMedia('(prefers-reduced-motion: reduce)');
  const stored = { get: () => { try { return sessionStorage.rate; } catch { return undefined; } },
    set: (value) => { try { sessionStorage.rate = value; } catch { /* then it starts anew */ } } };
  // The time since the page was opened. It does not jump when the clock of the machine does.
  const now = () => performance.now();
  let playing = false, wanted = 0, inFlight = null, timer = 0, began = -Infinity, failures = 0;
  let counts = {}, said = -Infinity, addressed = -Infinity, changed = false;

  // The form's state, as a plain submit would send it.
  const state = () => new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ''));

  // Makes `old` equal to `fresh` and changes only what differs, so that focus and transitions stay.
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh);
    if (old.nodeType !== Node.ELEMENT_NODE) { old.data = fresh.data; return; }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    // Both are copies: a child that takes another's place leaves `fresh`.
    const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
    after.forEach((node, i) => before[i] ? morph(before[i], node) : old.append(node));
    before.slice(after.length).forEach((node) => node.remove());
  }

  function show(html, asked) {
    const part = document.createElement('template');
    part.innerHTML = html;
    for (const fresh of [...part.content.children]) {
      const old = fresh.id && fresh !== form && byId(fresh.id);
      if (old && old !== form) morph(old, document.importNode(fresh, true));
    }
    if (!asked) return;
    changed = true;
    // One query adds several dots where attempts failed before the answer.
    const added = (lane) => Number(lane.dataset.added) || -Infinity;
    for (const dot of form.elements.seen.value.slice(-added(byId('dots-1')))) {
      const pod = dot < 'A' || dot > 'Z' ? byId('state').dataset.prefix + parseInt(dot, 36) : 'no answer';
      counts[pod] = (counts[pod] || 0) + 1;
    }
    if (calm.matches) return;
    for (const lane of document.querySelectorAll('.dots')) {
      for (const dot of [...lane.children].slice(-added(lane))) dot.animate({ opacity: [0, 1] }, 120);
    }
  }

  // At most every second: keeps the address bar up to date, so that the page can be loaded again. Browsers refuse to
  // change it much more often. At most every five seconds: announces which pods answered.
  function note() {
    if (changed && now() - addressed >= 1000) {
      history.replaceState(null, '', `?${state()}${location.hash}`);
      [addressed, changed] = [now(), false];
    }
    const summary = Object.keys(counts).sort().map((pod) => `${pod} ${counts[pod]}`).join(', ');
    if (!summary || now() - said < 5000) return;
    byId('said').textContent = `${playing ? 'last 5 s' : 'answered'}: ${summary}`;
    [counts, said] = [{}, now()];
  }

  async function ask(count) {
    const query = state();
    query.set('part', 'live');
    query.set('ask', count);
    const request = inFlight = Object.assign(new AbortController(), { count });
    let trouble = 'read-app does not answer';
    const timeout = setTimeout(() => request.abort(), 10000);
    try {
      const response = await fetch(`/?${query}`, { signal: request.signal, headers: { accept: 'text/html' } });
      trouble = `read-app answers with status ${response.status}`;
      if (!response.ok) throw new Error(trouble);
      const html = await response.text();
      if (inFlight !== request) return;
      show(html, count);
      failures = 0;
      byId('trouble').textContent = '';
      note();
    } catch {
      if (inFlight !== request) return;
      failures += 1;
      // These queries are made with the next request.
      wanted = Math.min(mostQueries, wanted + count);
      byId('trouble').textContent = `${trouble}; trying again`;
    } finally {
      clearTimeout(timeout);
      if (inFlight === request) { inFlight = null; plan(); }
    }
  }

  // Plans the next request: at once for a pressed button, else the next query, else a look at the pods.
  function plan() {
    clearTimeout(timer);
    if (inFlight || document.hidden) return;
    const pace = playing ? 1000 / rate.value : 1000;
    const pause = failures ? Math.min(1000 * 2 ** (failures - 1), 8000) : wanted ? 0 : pace;
    const due = began + pause;
    timer = setTimeout(() => {
      began = failures ? now() : Math.max(due, now() - pause);
      const count = wanted || (playing ? 1 : 0);
      wanted = 0;
      ask(count);
    }, failures ? pause : Math.max(0, due - now()));
  }

  // Forgets failures and the request that is in flight. Returns how many queries that was for.
  function letGo() {
    const request = inFlight;
    [inFlight, failures] = [null, 0];
    if (request) request.abort();
    return request ? request.count : 0;
  }

  // A request may be lost while the network is away, the machine sleeps or the page is frozen. It is made again at once.
  function wake() {
    wanted = Math.min(mostQueries, wanted + letGo());
    plan();
  }

  function startOver(count) {
    letGo();
    form.elements.seen.value = form.elements.seen2.value = '';
    [counts, wanted, changed] = [{}, count, true];
    plan();
  }

  function setPlaying(on) {
    playing = on;
    play.textContent = on ? 'Pause' : 'Play';
    speed.textContent = `${rate.value}/s`;
    rate.setAttribute('aria-valuetext', `${rate.value} a second`);
    stored.set(on ? rate.value : 0);
    plan();
  }

  function resumeRate() {
    // The page asks from the start, unless the person paused it or prefers less motion.
    const saved = stored.get() ?? (calm.matches ? '0' : '2');
    if (saved !== '0') rate.value = saved;
    setPlaying(saved !== '0');
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const pressed = event.submitter;
    if (pressed && pressed.name === 'over') return startOver(0);
    wanted = Math.min(mostQueries, wanted + Number(pressed ? pressed.value : 1));
    failures = 0;
    plan();
  });
  // The names in the drawing belong to the form and stand outside of it.
  document.addEventListener('change', ({ target }) => { if (target.form === form && target.name) startOver(1); });
  rate.addEventListener('input', () => setPlaying(true));
  play.addEventListener('click', () => setPlaying(!playing));
  document.addEventListener('visibilitychange', plan);
  addEventListener('online', wake);
  document.addEventListener('resume', wake);
  // Back and Forward may show the page as it was left. Another page in this tab may have set the rate since.
  addEventListener('pageshow', (event) => { if (event.persisted) { resumeRate(); wake(); } });
  document.addEventListener('keydown', (event) => {
    if (event.key !== ' ' || event.target.closest('a, button, input, [tabindex]')) return;
    event.preventDefault();
    setPlaying(!playing);
  });

  // A link or a search takes the present state of the page along.
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-keep]');
    if (!link) return;
    const query = state();
    for (const [name, value] of new URLSearchParams(link.dataset.keep)) {
      if (value) query.set(name, value); else query.delete(name);
    }
    link.search = query;
  });
  document.addEventListener('formdata', ({ target, formData }) => {
    if (!('keep' in target.dataset)) return;
    for (const name of [...formData.keys()]) if (name !== 'search') formData.delete(name);
    for (const [name, value] of state()) if (!['search', 'older_than', 'newer_than'].includes(name)) formData.set(name, value);
  });

  // The clipboard API needs HTTPS, which a NodePort does not have. So the command is selected and copied.
  document.addEventListener('click', (event) => {
    const button = event.target.closest('.copy');
    if (!button) return;
    getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
    byId('said').textContent = button.textContent;
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });

  for (const part of [play, rate.parentNode, ...document.querySelectorAll('.copy')]) part.hidden = false;
  resumeRate();
})();
