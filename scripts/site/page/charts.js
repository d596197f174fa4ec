"use strict";
// What the views draw with: figures with a caption, a chart and a table of its numbers, tiles, tables.
const Charts = (() => {
  const { el, format } = Site;

  // Colours by meaning, the same in every view. style.css gives them their values for light and dark; the categorical ones
  // follow Okabe and Ito, whose colours people with any colour vision can tell apart.
  const colour = {
    main: "var(--c-main)",
    before: "var(--c-before)",
    good: "var(--c-good)",
    warn: "var(--c-warn)",
    bad: "var(--c-bad)",
    range: "var(--c-range)",
    muted: "var(--muted)",
    rule: "var(--rule)",
    series: ["var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)", "var(--c7)", "var(--c8)"],
  };

  let count = 0;

  // Redraws charts whose width changes.
  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const width = Math.round(contentRect.width);
      if (width > 0 && width !== target.drawnWidth) target.redraw?.();
    }
  });

  // Figures that are out of sight are drawn while the browser is idle, so that a filter answers at once where the reader looks.
  const waiting = new Set();
  let isPlanned = false;
  function plan() {
    document.documentElement.dataset.drawn = waiting.size ? "no" : "yes";
    if (isPlanned || !waiting.size) return;
    isPlanned = true;
    requestIdleCallback(
      () => {
        isPlanned = false;
        const [next] = waiting;
        next?.();
        plan();
      },
      { timeout: 250 }
    );
  }
  function drawAll() {
    for (const settle of [...waiting]) settle();
    plan();
  }
  addEventListener("beforeprint", drawAll);

  // Returns a figure: {element, update(spec)}. `update` also takes a function that returns a spec: it is called when the
  // figure is in sight, or the browser idle. A spec has
  //   title, note (a sentence below the title), draw(width): an SVG, or null where there is nothing to draw,
  //   empty: what to say then, describe: the chart in words, for screen readers,
  //   table: {columns: [{label, numeric}], rows(): arrays of texts}, legend: [{label, colour, kind}].
  // The table is filled when it is opened, so that a filter need not wait for it.
  function figure(spec) {
    count += 1;
    const id = `figure-${count}`;
    const title = el("h3", { id });
    const note = el("p.note");
    const legend = el("ul.legend");
    const plot = el("div.plot");
    const body = el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table" });
    const details = el("details", {}, el("summary", {}, "Show the numbers"), body);
    const element = el("figure.card", { role: "group", "aria-labelledby": id }, el("figcaption", {}, title, note), legend, plot, details);
    let present = spec;
    let pending = null;

    function redraw() {
      const width = Math.max(240, Math.floor(plot.clientWidth || 640));
      plot.drawnWidth = width;
      const drawing = present.draw ? present.draw(width) : null;
      if (drawing) {
        drawing.setAttribute("role", "img");
        drawing.setAttribute("aria-label", `${present.title}. ${present.describe ?? ""}`.trim());
        plot.replaceChildren(drawing);
      } else {
        plot.replaceChildren(el("p.empty", {}, present.empty ?? "Nothing to show for this choice."));
      }
    }
    function fill() {
      if (!details.open || !present.table) return;
      body.replaceChildren(table({ caption: present.title, ...present.table }));
    }
    function inSight() {
      const { top, bottom } = element.getBoundingClientRect();
      return element.isConnected && bottom > 0 && top < innerHeight;
    }
    function update(next) {
      if (typeof next !== "function") {
        apply(next);
        return;
      }
      pending = next;
      if (inSight()) settle();
      else waiting.add(settle);
      plan();
    }
    function settle() {
      waiting.delete(settle);
      const next = pending;
      pending = null;
      if (next && element.isConnected) apply(next());
    }
    function apply(next) {
      present = next;
      title.textContent = next.title;
      note.textContent = next.note ?? "";
      note.hidden = !next.note;
      body.setAttribute("aria-label", `Numbers of: ${next.title}`);
      legend.replaceChildren(...(next.legend ?? []).map(key));
      legend.hidden = !next.legend?.length;
      details.hidden = !next.table;
      fill();
      if (element.isConnected) redraw();
    }
    details.addEventListener("toggle", () => {
      settle();
      fill();
    });
    plot.redraw = redraw;
    observer.observe(plot);
    update(spec);
    return { element, update };
  }

  function key({ label, colour: shade, kind }) {
    const mark = el(`span.key.${kind ?? "box"}`, { "aria-hidden": "true" });
    mark.style.setProperty("--shade", shade);
    return el("li", {}, mark, label);
  }

  // Returns a table: {caption, columns: [{label, numeric}], rows: arrays, or a function that returns them}.
  // A cell is a text or an element.
  function table({ caption, columns, rows, empty }) {
    const lines = typeof rows === "function" ? rows() : rows;
    if (!lines.length) return el("p.empty", {}, empty ?? "No rows.");
    return el(
      "table",
      {},
      caption ? el("caption.hidden", {}, caption) : null,
      el("thead", {}, el("tr", {}, columns.map(({ label, numeric }) => el("th", { scope: "col", class: numeric ? "number" : null }, label)))),
      el(
        "tbody",
        {},
        lines.map((line) =>
          el("tr", {}, line.map((cell, at) =>
            at === 0
              ? el("th", { scope: "row", class: columns[at].numeric ? "number" : null }, cell ?? "–")
              : el("td", { class: columns[at].numeric ? "number" : null }, cell ?? "–")
          ))
        )
      )
    );
  }

  // Returns a tile: {label, value, detail, tone}. The tone colours the detail and comes with a word or sign in it.
  // `exact` is the value as a whole number of its smallest unit, for programs that read the page.
  function tile({ label, value, detail, tone, name, exact }) {
    return el(
      "div.tile",
      { "data-name": name, "data-exact": exact === undefined ? null : String(exact) },
      el("dt", {}, label),
      el("dd.value", {}, value),
      detail ? el("dd.detail", { class: tone ?? null }, detail) : null
    );
  }

  function tiles(list) {
    return el("dl.tiles", {}, list.map(tile));
  }

  // Returns an SVG of Plot with the settings that all charts share.
  function plot(width, options) {
    const { style, x, y, ...others } = options;
    const drawing = Plot.plot({
      width,
      marginTop: 16,
      marginRight: 16,
      ...others,
      x: { label: null, ...x },
      y: { label: null, ...y },
      style: { fontFamily: "inherit", fontSize: "12px", background: "none", color: "var(--ink-2)", overflow: "visible", ...style },
    });
    // Plot names each group of marks for screen readers, which hear the name of the whole chart in place of its parts.
    for (const part of drawing.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
    return drawing;
  }

  // Bars with their labels above them: names are never cut, at any width.
  function bars(width, list, { value, text, shade = colour.main, detail }) {
    if (!list.length) return null;
    const step = 36;
    return plot(width, {
      height: list.length * step + 8,
      marginLeft: 4,
      marginRight: 8,
      marginTop: 4,
      marginBottom: 4,
      x: { axis: null, domain: [Math.min(0, d3.min(list, value)), Math.max(d3.max(list, value), 1e-9)] },
      y: { axis: null, domain: d3.range(list.length), padding: 0 },
      marks: [
        Plot.barX(list, { x: value, y: (_, at) => at, fill: shade, insetTop: 22, insetBottom: 5, rx: 2, title: detail }),
        Plot.text(list, { x: () => Math.min(0, d3.min(list, value)), y: (_, at) => at, text: (of) => shorten(of.name, width), textAnchor: "start", dy: -8, fill: "var(--ink)", fontSize: 13 }),
        Plot.text(list, { frameAnchor: "right", y: (_, at) => at, text, textAnchor: "end", dy: -8, fill: "var(--ink-2)", fontSize: 13 }),
      ],
    });
  }
  // The table below the chart has the whole name.
  function shorten(name, width) {
    const room = Math.max(12, Math.floor((width - 110) / 7.6));
    return name.length > room ? `${name.slice(0, room - 1)}…` : name;
  }

  // A series with the range that was expected of it, and the unusual days. A day has date, value, low, middle, high, isAnomaly.
  function ranged(width, days, { tick, text, height = 260 }) {
    const unusual = days.filter(({ isAnomaly }) => isAnomaly);
    // A range in logarithms can reach far above anything observed, so the observed values set the scale.
    const top = (d3.max(days, ({ value }) => value) ?? 0) * 1.15;
    const bottom = Math.min(0, d3.min(days, ({ value }) => value) ?? 0);
    return plot(width, {
      height,
      marginLeft: 52,
      x: { type: "utc" },
      y: { grid: true, ticks: 5, tickFormat: tick, domain: [bottom, top || 1], clamp: true },
      marks: [
        Plot.areaY(days, { x: "date", y1: "low", y2: "high", fill: colour.range, fillOpacity: 0.45, clip: true, curve: "step" }),
        Plot.ruleY([0], { stroke: colour.rule }),
        Plot.lineY(days, { x: "date", y: "value", stroke: colour.main, strokeWidth: days.length > 200 ? 1 : 1.75 }),
        Plot.dot(unusual, { x: "date", y: "value", fill: colour.bad, stroke: "var(--surface)", r: 4.5 }),
        Plot.tip(days, Plot.pointerX({ x: "date", y: "value", title: (of) => `${format.weekday(of.date)}${of.isAnomaly ? ": unusual" : ""}\n${text(of.value)}\nexpected ${text(of.middle)}\n${text(of.low)} to ${text(of.high)}` })),
      ],
    });
  }
  const rangeLegend = (label) => [{ label, colour: colour.main, kind: "line" }, { label: "Expected range", colour: colour.range }, { label: "Unusual day", colour: colour.bad, kind: "dot" }];

  return { bars, ranged, rangeLegend, figure, table, tile, tiles, plot, colour, format };
})();
