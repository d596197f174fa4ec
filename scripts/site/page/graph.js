"use strict";
// Boxes with rows, and edges from row to row: laid out by dagre, drawn as SVG, with zoom and pan.
const Graph = (() => {
  const { el } = Site;
  const ROW = 22;
  const HEAD = 40;
  const PAD = 10;
  const WIDEST = 230;
  const STEP = 1.4;
  let count = 0;
  let ruler = null;

  function width(text, weight = 400, size = 12) {
    ruler ??= document.createElement("canvas").getContext("2d");
    ruler.font = `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif`;
    return ruler.measureText(text).width;
  }

  function cut(text, room, weight) {
    if (width(text, weight) <= room) return text;
    let end = text.length;
    while (end > 1 && width(`${text.slice(0, end)}…`, weight) > room) end -= 1;
    return `${text.slice(0, end)}…`;
  }

  // Sizes and places of all boxes, and the way of each edge. Boxes that are `flipped` stand on the other side of those that
  // they lead to.
  function layout(boxes, edges, flipped, gap) {
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: "LR", nodesep: 18, ranksep: gap, marginx: 6, marginy: 6 });
    graph.setDefaultEdgeLabel(() => ({}));
    for (const box of boxes) {
      const texts = [width(box.title, 650, 13), width(box.caption ?? "", 400, 11), ...box.rows.map((row) => width(row.label) + (row.note ? width(row.note, 400, 11) + 14 : 0))];
      const wide = Math.min(WIDEST, Math.max(110, ...texts) + 2 * PAD);
      graph.setNode(box.id, { width: Math.ceil(wide), height: HEAD + box.rows.length * ROW + (box.rows.length ? 6 : 0) });
    }
    for (const { from, to } of edges) {
      if (from[0] !== to[0]) graph.setEdge(...(flipped.has(from[0]) ? [to[0], from[0]] : [from[0], to[0]]));
    }
    dagre.layout(graph);
    const places = new Map(
      boxes.map((box) => {
        const { x, y, width: w, height: h } = graph.node(box.id);
        return [box.id, { x: x - w / 2, y: y - h / 2, w, h, rows: new Map(box.rows.map((row, at) => [row.id, at])) }];
      })
    );
    const anchor = ([id, row], right) => {
      const { x, y, w, h, rows } = places.get(id);
      const at = rows.get(row);
      return [right ? x + w : x, at === undefined ? y + Math.min(h, HEAD) / 2 : y + HEAD + at * ROW + ROW / 2];
    };
    const ways = edges.map(({ from, to }) => {
      const isFlipped = flipped.has(from[0]);
      const start = anchor(from, !isFlipped);
      const end = anchor(to, isFlipped);
      if (from[0] === to[0]) return [start, end];
      const points = graph.edge(...(isFlipped ? [to[0], from[0]] : [from[0], to[0]])).points.slice(1, -1).map(({ x, y }) => [x, y]);
      const middle = isFlipped ? points.reverse() : points;
      const [low, high] = [Math.min(start[0], end[0]) + 12, Math.max(start[0], end[0]) - 12];
      // Only what lies between the two boxes: their sides are known better.
      return [start, ...(middle.length > 1 ? middle.filter(([x]) => x > low && x < high) : []), end];
    });
    const { width: w, height: h } = graph.graph();
    return { places, ways, w: Math.ceil(w), h: Math.ceil(h) };
  }

  const straight = d3.line().curve(d3.curveBumpX);

  // Returns a graph as an element.
  //   label      what it shows, for screen readers
  //   boxes      [{id, title, caption, href, tone, rows: [{id, label, note, href, tone}]}]
  //   edges      [{from: [box, row], to: [box, row], kind, label}]; a row of null stands for the box
  //   ends       "arrow", or "keys" for the ends of a diagram of keys
  //   flipped    a set of boxes that stand on the right of those that they lead to
  function draw({ label, boxes, edges, ends = "arrow", flipped = new Set() }) {
    count += 1;
    const own = `graph-${count}`;
    const { places, ways, w, h } = layout(boxes, edges, flipped, ends === "keys" ? 76 : 52);
    const svg = d3
      .create("svg")
      .attr("viewBox", [0, 0, w, h])
      .attr("width", w)
      .attr("height", h)
      .attr("role", "group")
      .attr("aria-label", label)
      .attr("class", "graph-drawing");
    // Below this width texts are too small to read, so the frame scrolls instead.
    svg.node().style.minWidth = `${Math.round(w * 0.6)}px`;
    markers(svg, own);
    const plane = svg.append("g");
    const lines = plane
      .append("g")
      .attr("aria-hidden", "true")
      .selectAll("path")
      .data(edges)
      .join("path")
      .attr("class", ({ kind }) => `edge ${slug(kind)}`)
      .attr("d", (_, at) => straight(ways[at]))
      .attr("marker-start", () => (ends === "keys" ? `url(#${own}-many)` : null))
      .attr("marker-end", ({ optional }) => `url(#${own}-${ends === "keys" ? (optional ? "maybe" : "one") : "arrow"})`);
    lines.append("title").text(({ label: text }) => text);

    for (const box of boxes) {
      const { x, y, w: wide, h: high } = places.get(box.id);
      const group = plane.append("g").attr("role", "group").attr("aria-label", box.title).attr("class", `box ${box.tone ?? ""}`).attr("transform", `translate(${x},${y})`);
      group.append("rect").attr("class", "body").attr("width", wide).attr("height", high).attr("rx", 8);
      const title = cut(box.title, wide - 2 * PAD, 650);
      const head = link(group, box.href);
      head.append("rect").attr("class", "target").attr("width", wide).attr("height", HEAD).attr("rx", 8);
      head.append("text").attr("class", "title").attr("x", PAD).attr("y", 17).text(title);
      if (box.caption) head.append("text").attr("class", "caption").attr("x", PAD).attr("y", 32).text(` ${cut(box.caption, wide - 2 * PAD)}`);
      light(head, (edge) => edge.from[0] === box.id || edge.to[0] === box.id);
      box.rows.forEach((row, at) => {
        const room = wide - 2 * PAD - (row.note ? width(row.note, 400, 11) + 8 : 0);
        const label = cut(row.label, room);
        const line = link(group, row.href)
          .attr("transform", `translate(0,${HEAD + at * ROW})`)
          .classed("row", true)
          .classed(row.tone ?? "", Boolean(row.tone));
        line.append("rect").attr("class", "target").attr("x", 1).attr("width", wide - 2).attr("height", ROW);
        line.append("text").attr("x", PAD).attr("y", 15).text(label);
        if (label !== row.label) line.append("title").text(row.label);
        if (row.note) line.append("text").attr("class", "caption").attr("x", wide - PAD).attr("y", 15).attr("text-anchor", "end").text(` ${row.note}`);
        light(line, (edge) => (edge.from[0] === box.id && edge.from[1] === row.id) || (edge.to[0] === box.id && edge.to[1] === row.id));
      });
    }

    // What a row or box is tied to stands out while the pointer or the focus is on it.
    function light(target, isTied) {
      const on = () => {
        svg.classed("is-lit", true);
        lines.classed("is-on", isTied);
      };
      const off = () => {
        svg.classed("is-lit", false);
        lines.classed("is-on", false);
      };
      target.on("pointerenter", on).on("pointerleave", off).on("blur", off);
      target.on("focus", () => {
        on();
        show(target.node());
      });
    }

    let present = d3.zoomIdentity;
    const zoom = d3
      .zoom()
      .scaleExtent([1, 8])
      .translateExtent([[0, 0], [w, h]])
      .extent([[0, 0], [w, h]])
      // The wheel and one finger scroll the page, as everywhere on it.
      .filter((event) => {
        if (event.type === "wheel") return event.ctrlKey || event.metaKey;
        if (event.type.startsWith("touch")) return event.touches.length > 1 || present.k > 1;
        return !event.button && present.k > 1;
      })
      .on("zoom", ({ transform }) => {
        present = transform;
        plane.attr("transform", transform);
        svg.classed("is-zoomed", transform.k > 1);
        out.disabled = fit.disabled = transform.k <= 1;
        into.disabled = transform.k >= 8;
      });
    // Moves a row that has the focus into sight.
    function show(node) {
      if (present.k <= 1) return;
      const frame = svg.node().getBoundingClientRect();
      const box = node.getBoundingClientRect();
      if (box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom) return;
      const scale = (w / frame.width) / present.k;
      svg.call(zoom.translateBy, (frame.left + frame.width / 2 - box.left - box.width / 2) * scale, (frame.top + frame.height / 2 - box.top - box.height / 2) * scale);
    }
    const button = (text, name, act) => el("button.quiet", { type: "button", "aria-label": name, title: name, onclick: act }, text);
    const into = button("+", "Zoom in", () => svg.call(zoom.scaleBy, STEP));
    const out = button("−", "Zoom out", () => svg.call(zoom.scaleBy, 1 / STEP));
    const fit = button("Fit", "Fit: show all of the diagram", () => svg.call(zoom.transform, d3.zoomIdentity));
    const move = (key, x, y) => button(key, `Move ${{ "←": "left", "→": "right", "↑": "up", "↓": "down" }[key]}`, () => svg.call(zoom.translateBy, x / present.k, y / present.k));
    const moves = [move("←", w / 4, 0), move("→", -w / 4, 0), move("↑", 0, h / 4), move("↓", 0, -h / 4)];
    svg.call(zoom).on("dblclick.zoom", null);
    out.disabled = fit.disabled = true;
    addEventListener("beforeprint", () => svg.call(zoom.transform, d3.zoomIdentity));
    return el(
      "div.graph",
      {},
      el("div.graph-tools", { role: "group", "aria-label": `Zoom: ${label}` }, into, out, fit, moves),
      el("div.graph-frame", { tabindex: "0", role: "region", "aria-label": label }, svg.node())
    );
  }

  function link(parent, href) {
    return href ? parent.append("a").attr("href", href) : parent.append("g");
  }

  function slug(kind) {
    return `kind-${(kind ?? "key").toLowerCase().replace(/[^a-z]+/g, "-")}`;
  }

  function markers(svg, own) {
    const marker = (name, wide, refX) =>
      svg.append("defs").append("marker").attr("id", `${own}-${name}`).attr("viewBox", `0 0 ${wide} 12`).attr("markerWidth", wide).attr("markerHeight", 12)
        .attr("refX", refX).attr("refY", 6).attr("orient", "auto").attr("markerUnits", "userSpaceOnUse").attr("class", "marker");
    marker("arrow", 8, 8).append("path").attr("d", "M0,2 L8,6 L0,10 z").attr("class", "solid");
    marker("many", 12, 0).append("path").attr("d", "M0,1 L11,6 L0,11 M11,1 L11,11");
    marker("one", 12, 12).append("path").attr("d", "M4,1 L4,11 M8,1 L8,11");
    const maybe = marker("maybe", 16, 16);
    maybe.append("circle").attr("cx", 5).attr("cy", 6).attr("r", 4);
    maybe.append("path").attr("d", "M12,1 L12,11");
  }

  return { draw, slug };
})();
