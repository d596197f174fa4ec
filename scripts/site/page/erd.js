"use strict";
// The diagram of the star: each relation of gold that has or is the end of a declared foreign key, with its keys.
const Erd = (() => {
  const { el } = Site;

  // Returns the foreign keys of a list of relations: [{from, column, to, toColumn, name, optional}].
  function keys(relations) {
    const known = new Set(relations.map(({ name }) => name));
    return relations.flatMap((relation) =>
      relation.columns
        .filter(({ to }) => to && known.has(to[0]))
        .map(({ name, to, required }) => ({ from: relation.name, column: name, to: to[0], toColumn: to[1], name: to[2], optional: !required }))
    );
  }

  // Returns the diagram as a card.
  //   relations  those of the catalogue; href(name): the address of a relation or column
  function card(relations, href) {
    const gold = relations.filter(({ layer, kind }) => layer === "gold" && kind === "model");
    const references = keys(gold);
    const tied = new Set(references.flatMap(({ from, to }) => [from, to]));
    const others = gold.filter(({ name }) => !tied.has(name));
    const short = (name) => name.split(".").pop();
    const title = "The star, from the declared keys";
    const boxes = gold
      .filter(({ name }) => tied.has(name))
      .map((relation) => ({
        id: relation.name,
        title: short(relation.name),
        caption: relation.rows === null ? "not built" : `${Site.format.count(relation.rows)} rows`,
        href: href(relation.name),
        tone: short(relation.name).split("_")[0],
        rows: relation.columns
          .filter(({ name, to }) => relation.key.includes(name) || (to && tied.has(to[0])) || references.some((each) => each.to === relation.name && each.toColumn === name))
          .map(({ name, to }) => ({
            id: name,
            label: name,
            note: [relation.key.includes(name) ? "PK" : null, to ? "FK" : null].filter(Boolean).join(" ") || null,
            href: href(`${relation.name}.${name}`),
          })),
      }));
    // Those that nothing refers to stand on both sides of the rest, so that the diagram is as wide as it is high.
    const leaves = boxes.filter(({ id }) => !references.some(({ to }) => to === id)).sort((a, b) => b.rows.length - a.rows.length);
    const flipped = new Set();
    let [left, right] = [0, 0];
    for (const { id, rows } of leaves) {
      const isRight = right < left;
      if (isRight) flipped.add(id);
      if (isRight) right += rows.length + 3;
      else left += rows.length + 3;
    }
    const sentence = ({ from, column, to, toColumn, optional }) =>
      `${short(from)}.${column} refers to ${optional ? "no row or one row" : "one row"} of ${short(to)} by ${toColumn}`;
    return el(
      "section.card",
      { "data-name": "erd" },
      el("h3", {}, title),
      el(
        "p.note",
        {},
        "A line leads from a foreign key (crow's foot: many rows) to the key that it refers to (two bars: exactly one row; circle and bar: no row or one). ",
        "Choose a box or a column to read about it; Ctrl and the wheel, or the buttons, zoom."
      ),
      boxes.length
        ? Graph.draw({
            label: title,
            boxes,
            ends: "keys",
            flipped,
            edges: references.map((reference) => ({
              from: [reference.from, reference.column],
              to: [reference.to, reference.toColumn],
              kind: "key",
              optional: reference.optional,
              label: sentence(reference),
            })),
          })
        : el("p.empty", {}, "No relation of gold declares a foreign key."),
      el(
        "details",
        {},
        el("summary", {}, "The same as a list"),
        el("ul.bullets", { "data-name": "erd-list" }, references.map((reference) =>
          el("li", {}, el("a", { href: href(`${reference.from}.${reference.column}`) }, `${short(reference.from)}.${reference.column}`),
            ` refers to ${reference.optional ? "no row or one row" : "one row"} of `,
            el("a", { href: href(`${reference.to}.${reference.toColumn}`) }, `${short(reference.to)}.${reference.toColumn}`),
            ` (${reference.name})`)
        ))
      ),
      others.length
        ? el("p.note", {}, "Not in the diagram, as no foreign key is declared: ", others.flatMap(({ name }, at) => [at ? ", " : "", el("a", { href: href(name) }, short(name))]), ".")
        : null
    );
  }

  return { keys, card };
})();
