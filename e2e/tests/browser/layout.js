// Finds what a reader cannot read on a page: text over text, text over a control, text that is cut off, text behind a
// bar, and a page that must be scrolled sideways. It knows nothing about the pages but HTML and CSS.
//
// In a browser's console: paste this file, then `console.table(layoutFaults())`.
globalThis.layoutFaults = ({ scrollers = true } = {}) => {
  const page = document.documentElement, faults = [];
  scrollTo(0, 0);
  const once = (compute) => {
    const known = new Map();
    return (key) => { if (!known.has(key)) known.set(key, compute(key)); return known.get(key); };
  };
  const styleOf = once((element) => getComputedStyle(element));
  const box = ({ left, top, right, bottom }) => ({ left, top, right, bottom });
  const boxOf = once((element) => box(element.getBoundingClientRect()));
  const isIn = (a, b) => b.contains(a);
  const chain = once((element) => element ? [element, ...chain(element.parentElement)] : []);

  // --- what is said of a fault ---
  const step = (element) => element.localName + (element.id ? `#${element.id}`
    : [...element.classList].map((name) => `.${name}`).join(''));
  const path = (element) => {
    const steps = chain(element).slice(0, -2);
    const named = steps.findIndex((one) => one.id);
    return steps.slice(0, named < 0 ? 5 : named + 1).reverse().map(step).join(' > ');
  };
  const short = (text) => { const plain = text.replace(/\s+/g, ' ').trim(); return plain.length > 40 ? `${plain.slice(0, 37)}…` : plain; };
  const rect = ({ left, top, right, bottom }) => `x ${Math.round(left)} to ${Math.round(right)}, y ${Math.round(top)} to ${Math.round(bottom)}`;
  const said = ({ text, element, ...at }) => `“${short(text)}” (${rect(at)}) ${path(element)}`;
  const fault = (kind, one, other) => faults.push({ kind, one: said(one), other: other ? said(other) : '' });

  // --- what is visible ---
  // Text for screen readers alone is cut to nothing.
  const isForEars = once((element) => {
    const { clipPath, overflowX, position } = styleOf(element), { left, right, top, bottom } = boxOf(element);
    return /^inset\((50|100)%/.test(clipPath)
      || (overflowX !== 'visible' && position === 'absolute' && Math.min(right - left, bottom - top) <= 1);
  });
  const isSeen = once((element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })
    && !chain(element).some(isForEars));
  const bar = once((element) => chain(element).find((one) => ['fixed', 'sticky'].includes(styleOf(one).position)) ?? null);
  const isInline = (element) => /^(inline|contents|ruby)/.test(styleOf(element).display) && element.localName !== 'text';
  const block = once((element) => chain(element).find((one) => !isInline(one)));

  // --- what cuts ---
  const inside = once((element) => {
    const { left, top } = boxOf(element);
    const [x, y] = [left + element.clientLeft, top + element.clientTop];
    return { left: x, top: y, right: x + element.clientWidth, bottom: y + element.clientHeight };
  });
  const cutters = once((element) => {
    const all = chain(element), end = all.findIndex((one) => styleOf(one).position === 'fixed');
    return (end < 0 ? all : all.slice(0, end + 1)).filter((one) => ![page, document.body].includes(one)
      && !(one instanceof SVGElement) && !isInline(one)
      && [styleOf(one).overflowX, styleOf(one).overflowY].some((overflow) => overflow !== 'visible'));
  });
  const scrolls = (overflow) => overflow === 'auto' || overflow === 'scroll';
  const isReached = once((element) => element.hasAttribute('tabindex') && element.tabIndex >= 0
    || element.querySelector('a[href], button, input, select, textarea, [tabindex="0"]') !== null);
  const overlap = (a, b) => ({ left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom) });
  const meet = (a, b, x, y) => {
    const both = overlap(a, b);
    return both.right - both.left > x && both.bottom - both.top > y;
  };

  // --- the pieces of text: what is inked of each line ---
  const pen = document.createElement('canvas').getContext('2d');
  const inked = new Map();
  const ink = (element, text) => {
    const { fontStyle, fontWeight, fontSize, fontFamily } = styleOf(element);
    const font = `${fontStyle} ${fontWeight} ${fontSize} ${fontFamily}`;
    const key = `${font} ${text}`;
    if (!inked.has(key)) {
      pen.font = font;
      const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below, width,
        actualBoundingBoxAscent: ascent, actualBoundingBoxDescent: descent } = pen.measureText(text);
      inked.set(key, { height: above + below, top: above - ascent, bottom: below - descent, width });
    }
    return inked.get(key);
  };
  const pieces = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement, text = node.data;
    if (!text.trim() || !isSeen(element) || element.closest('script, style, template, noscript')) continue;
    range.selectNodeContents(node);
    const measured = ink(element, text.trim());
    for (const line of range.getClientRects()) {
      if (line.width < 1) continue;
      // A drawing may be scaled.
      const scale = line.height / measured.height;
      pieces.push({ node, text, element, left: line.left, right: line.right,
        top: line.top + measured.top * scale, bottom: line.bottom - measured.bottom * scale });
    }
  }

  // --- cut off, and out of its place ---
  const out = (piece, of) => Math.max(of.left - piece.left, piece.right - of.right, of.top - piece.top, piece.bottom - of.bottom) > 1;
  const shown = [];
  for (const piece of pieces) {
    let part = piece, isScrolled = false, isCut = false;
    for (const one of cutters(piece.element)) {
      const { overflowX, overflowY } = styleOf(one), frame = inside(one);
      if (!isScrolled && !isCut) {
        const cut = { x: Math.max(frame.left - piece.left, piece.right - frame.right) > 1,
          y: Math.max(frame.top - piece.top, piece.bottom - frame.bottom) > 1 };
        const isStuck = (axis, overflow) => cut[axis] && !(scrolls(overflow) && isReached(one));
        if (isStuck('x', overflowX) || isStuck('y', overflowY)) {
          isCut = true;
          fault('cut off', piece, { text: '', element: one, ...frame });
        }
        isScrolled = scrolls(overflowX) || scrolls(overflowY);
      }
      part = { ...piece, ...overlap(part, frame) };
    }
    const drawing = piece.element.closest('svg');
    const isOutOfDrawing = drawing && out(piece, boxOf(drawing));
    if (isOutOfDrawing) fault('outside its drawing', piece, { text: '', element: drawing, ...boxOf(drawing) });
    const hasFrame = (one) => one.matches('button, summary, a, [role="button"]') && styleOf(one).display !== 'inline';
    const control = chain(piece.element).find(hasFrame);
    if (control && out(piece, boxOf(control))) fault('outside its control', piece, { text: '', element: control, ...boxOf(control) });
    if (!isScrolled && !isCut && !isOutOfDrawing && (piece.left < -1 || piece.right > page.clientWidth + 1)) fault('outside the page', piece);
    if (part.right - part.left > 1 && part.bottom - part.top > 1) shown.push(part);
  }
  for (const element of document.body.querySelectorAll('*')) {
    if (element instanceof SVGElement || !isSeen(element) || isInline(element)) continue;
    const { overflowX } = styleOf(element), excess = element.scrollWidth - element.clientWidth;
    if (excess <= 1 || element.matches('input, textarea, select')) continue;
    const wide = { text: `${excess} px too wide`, element, ...boxOf(element) };
    if (['hidden', 'clip'].includes(overflowX)) fault('cut off', wide);
    if (scrolls(overflowX) && !isReached(element)) fault('cut off', wide);
    if (scrolls(overflowX) && !scrollers) fault('to be scrolled sideways', wide);
  }
  for (const field of document.querySelectorAll('input[placeholder]')) {
    if (!isSeen(field) || field.value) continue;
    const { paddingLeft, paddingRight } = styleOf(field);
    const room = field.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    if (ink(field, field.placeholder).width > room + 1) fault('cut off', { text: field.placeholder, element: field, ...boxOf(field) });
  }

  // --- one over the other ---
  const isControl = (one) => one.matches('button, input, select, textarea, summary, [role="button"]')
    || styleOf(one).borderLeftWidth !== '0px';
  const controls = [...document.body.querySelectorAll('button, input, select, textarea, summary, a, [role="button"]')]
    .filter((one) => isSeen(one) && isControl(one))
    .map((element) => ({ text: element.textContent.trim() || element.value, element, isControl: true, ...boxOf(element) }));
  const sorted = [...shown, ...controls].sort((a, b) => a.top - b.top);
  let open = [];
  for (const one of sorted) {
    open = open.filter((other) => other.bottom > one.top);
    for (const other of open) {
      // What is under a bar can be scrolled from under it.
      if (one.node && one.node === other.node || !bar(one.element) !== !bar(other.element)) continue;
      const [isBoxed, isBothControls] = [one.isControl || other.isControl, one.isControl && other.isControl];
      if (one.isControl && isIn(other.element, one.element)) continue;
      if (other.isControl && isIn(one.element, other.element)) continue;
      // Words of different blocks that touch read as one word.
      const gap = isBothControls || block(one.element) === block(other.element) ? 1 : -2;
      if (!meet(one, other, gap, 1)) continue;
      fault(isBothControls ? 'control over control' : isBoxed ? 'text over a control' : 'text over text', one, other);
    }
    open.push(one);
  }

  // --- behind a bar, even at the end of the page ---
  const rest = page.scrollHeight - innerHeight;
  for (const element of document.body.querySelectorAll('*')) {
    if (styleOf(element).position !== 'fixed' || !isSeen(element)) continue;
    const fixed = boxOf(element);
    if (Math.min(fixed.bottom - fixed.top, fixed.right - fixed.left) < 2) continue;
    const moved = fixed.top + fixed.bottom > innerHeight ? rest : 0;
    for (const piece of shown) {
      if (bar(piece.element)) continue;
      const there = { ...piece, top: piece.top - moved, bottom: piece.bottom - moved };
      if (meet(there, fixed, 1, 1)) fault('behind a bar', piece, { text: '', element, ...fixed });
    }
  }

  const excess = page.scrollWidth - page.clientWidth;
  if (excess > 0) {
    const wide = [...document.body.querySelectorAll('*')].filter((one) => isSeen(one) && boxOf(one).right > page.clientWidth + .5);
    const innermost = wide.filter((one) => !wide.some((other) => other !== one && isIn(other, one)));
    for (const element of innermost.slice(0, 3)) {
      fault('page too wide', { text: `${excess} px: ${element.textContent}`, element, ...boxOf(element) });
    }
    if (!innermost.length) fault('page too wide', { text: `${excess} px`, element: document.body, ...boxOf(document.body) });
  }
  return faults;
};
