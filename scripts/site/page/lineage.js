"use strict";
// Where a column comes from, back to the header of the raw file, and what comes of it: a graph and the same as a list.
const Lineage = (() => {
  const { el } = Site;
  const KINDS = ["passed on", "derived", "aggregated", "window", "filter or join"];
  const MEANING = {
    "passed on": "the same value",
    derived: "computed from the row",
    aggregated: "computed from several rows",
    window: "computed from neighbouring rows",
    "filter or join": "decides which rows there are, or finds them",
  };
  // Sources that are no relations, in words.
  const NO_RELATION = { files: "Raw file", variables: "Variables of the project", constants: "Constants", generated: "Generated series", arguments: "Arguments" };
  const LAYERS = [...Object.keys(NO_RELATION), "bronze", "silver", "history", "profiles", "gold"];
  const first = (name) => name.split(".")[0];
  // What a name that is no relation stands for, in words: `files.products` is a header of a file of products.
  const outside = (name) => (first(name) in NO_RELATION ? [NO_RELATION[first(name)], name.split(".").slice(1).join(".")] : null);
  // A graph of more columns than these is a list only.
  const LARGEST = 160;

  // Returns the lineage as lists of neighbours: {up, down}, maps from a column to its neighbours; a column is named as `gold.fct_sales.net_amount`.
  function read(lineage) {
    const up = new Map();
    const down = new Map();
    const put = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value]);
    if (!lineage) return null;
    const name = ([relation, column]) => `${relation}.${column}`;
    const of = lineage.columns.map(([relation, column]) => ({ id: name([relation, column]), relation, column }));
    const edge = (to, from, kind) => {
      put(up, to.id, { ...from, kind });
      put(down, from.id, { ...to, kind });
    };
    for (const [to, from, kind] of lineage.edges) edge(of[to], of[from], lineage.kinds[kind]);
    return { up, down };
  }

  // Returns all edges on the way from a column in one direction: [{from, to, kind}], each an object {id, relation, column}.
  function follow(neighbours, start, { isUp, withJoins }) {
    const seen = new Set([start.id]);
    const waiting = [start];
    const found = [];
    while (waiting.length) {
      const here = waiting.pop();
      for (const { kind, ...other } of neighbours.get(here.id) ?? []) {
        if (kind === "filter or join" && !withJoins) continue;
        found.push(isUp ? { from: other, to: here, kind } : { from: here, to: other, kind });
        if (!seen.has(other.id)) {
          seen.add(other.id);
          waiting.push(other);
        }
      }
    }
    return found;
  }

  // Returns what there is to say about the lineage of a column, as a card that redraws itself.
  //   known: as `read` returns it; href(id): the address of a relation or column, or null
  function card(known, relation, column, href) {
    const title = "Lineage";
    if (!known) {
      return el("section.card", { "data-name": "lineage" }, el("h3", {}, title), el("p.empty", {}, "The project has no lineage of its columns yet: ", el("code", {}, "make lineage"), " writes it."));
    }
    const start = { id: `${relation}.${column}`, relation, column };
    let isUp = !relation.startsWith("bronze.");
    let withJoins = false;
    const body = el("div");
    const direction = (text, value) => el("button.quiet", { type: "button", "data-direction": value ? "up" : "down", onclick: () => choose({ isUp: value }) }, text);
    const back = direction("Where it comes from", true);
    const forward = direction("What comes of it", false);
    const joins = el("input", { type: "checkbox", onchange: () => choose({ withJoins: joins.checked }) });

    function choose(changes) {
      if ("isUp" in changes) isUp = changes.isUp;
      if ("withJoins" in changes) withJoins = changes.withJoins;
      back.setAttribute("aria-pressed", String(isUp));
      forward.setAttribute("aria-pressed", String(!isUp));
      const edges = follow(isUp ? known.up : known.down, start, { isUp, withJoins });
      body.replaceChildren(...content(edges));
    }

    function content(edges) {
      if (!edges.length) {
        const hidden = follow(isUp ? known.up : known.down, start, { isUp, withJoins: true }).length;
        const nothing = isUp ? "This column comes from no other column." : "No other column comes of this column.";
        return [el("p.empty", {}, hidden && !withJoins ? `${nothing.slice(0, -1)} but by filters and joins.` : nothing)];
      }
      const ids = new Map(edges.flatMap(({ from, to }) => [[from.id, from], [to.id, to]]));
      const graph =
        ids.size > LARGEST
          ? el("p.empty", {}, `${ids.size} columns take part, too many to draw: they are in the list.`)
          : Graph.draw({ label: `${isUp ? "Where" : "What comes of"} ${start.id}${isUp ? " comes from" : ""}`, boxes: boxes([...ids.values()]), edges: edges.map(drawn) });
      return [graph, legend(edges), list(edges, ids.size <= LARGEST)];
    }

    function boxes(columns) {
      const of = d3.group(columns, (each) => each.relation);
      return [...of].sort(([a], [b]) => place(a) - place(b) || (a < b ? -1 : 1)).map(([name, members]) => ({
        id: name,
        title: outside(name)?.[0] ?? name.split(".").slice(1).join("."),
        caption: outside(name)?.[1] ?? first(name),
        href: href(name),
        tone: `layer-${first(name)}`,
        rows: members
          .sort((a, b) => (a.column < b.column ? -1 : 1))
          .map((each) => ({ id: each.column, label: spoken(each.column), href: href(each.id), tone: each.id === start.id ? "is-start" : null })),
      }));
    }

    const drawn = ({ from, to, kind }) => ({ from: [from.relation, from.column], to: [to.relation, to.column], kind, label: `${words(to)}: ${kind} from ${words(from)}` });

    function legend(edges) {
      const used = new Set(edges.map(({ kind }) => kind));
      return el("ul.legend", {}, [...used].sort((a, b) => KINDS.indexOf(a) - KINDS.indexOf(b)).map((kind) => {
        const line = d3.create("svg").attr("width", 44).attr("height", 10).attr("aria-hidden", "true").attr("class", "graph-key");
        line.append("path").attr("class", `edge ${Graph.slug(kind)}`).attr("d", "M1,5 L43,5");
        return el("li", {}, line.node(), `${kind}${MEANING[kind] ? `: ${MEANING[kind]}` : ""}`);
      }));
    }

    function list(edges, isDrawn) {
      const of = d3.group(edges, ({ to }) => to.id);
      const line = ([, members]) =>
        el("li", {}, named(members[0].to), " ← ", members.flatMap(({ from, kind }, at) => [at ? ", " : "", named(from), ` (${kind})`]));
      return el("details", { open: !isDrawn }, el("summary", {}, "The same as a list"), el("ul.bullets", { "data-name": "lineage-list" }, [...of].map(line)));
    }

    const named = (each) => {
      const address = href(each.id);
      return address ? el("a", { href: address }, each.id) : words(each);
    };

    choose({});
    return el(
      "section.card",
      { "data-name": "lineage" },
      el("h3", {}, title),
      el("div.choices", { role: "group", "aria-label": "Direction of the lineage" }, back, forward, el("label.check", {}, joins, " with filters and joins")),
      body
    );
  }

  const place = (name) => LAYERS.indexOf(first(name));
  const spoken = (column) => (column === "*" ? "which rows there are" : column);
  const words = ({ relation, column }) => {
    const kind = outside(relation);
    return kind ? `${kind.filter(Boolean).join(" ")}: ${spoken(column)}` : `${relation}${column === "*" ? ": " : "."}${spoken(column)}`;
  };

  return { read, follow, card };
})();
