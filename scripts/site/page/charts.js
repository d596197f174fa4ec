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

  // Returns a figure: {element, update(spec)}. A spec has
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
    function update(next) {
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
    details.addEventListener("toggle", fill);
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
  function tile({ label, value, detail, tone, name }) {
    return el(
      "div.tile",
      { "data-name": name },
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
    return Plot.plot({
      width,
      marginTop: 16,
      marginRight: 16,
      ...others,
      x: { label: null, ...x },
      y: { label: null, ...y },
      style: { fontFamily: "inherit", fontSize: "12px", background: "none", color: "var(--ink-2)", overflow: "visible", ...style },
    });
  }

  return { figure, table, tile, tiles, plot, colour, format };
})();
