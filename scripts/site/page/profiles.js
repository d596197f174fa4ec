"use strict";
// How the values of a column look: nulls, distinct values, range, frequent values, and the shape of numbers and dates.
const Profiles = (() => {
  const { el, format } = Site;
  const BINS = 24;

  // Returns the profile of a column as a card.
  //   profile  of the catalogue, or undefined; relation: the column's
  function card(profile, relation) {
    const title = "Profile";
    const section = (...content) => el("section.card", { "data-name": "profile" }, el("h3", {}, title), ...content);
    if (!profile) {
      const why = relation.rows === 0 ? "The relation has no rows, so there are no values to profile." : "No profile is on record for this column: `make profile` records those of gold.";
      return section(el("p.empty", {}, Markdown.inline(why)));
    }
    if (!profile.rows) return section(el("p.empty", {}, `The relation had no rows in release ${profile.release}, so there are no values to profile.`));
    const share = (count) => `${format.count(count)} (${format.percent(count / profile.rows)})`;
    const about = profile.estimated ? "about " : "";
    const facts = [
      ["Rows", format.count(profile.rows)],
      ["Nulls", profile.nulls ? share(profile.nulls) : "none"],
      ["Distinct values", `${about}${format.count(profile.distinct)}`],
      profile.min === null ? null : ["Range", `${profile.min} to ${profile.max}`],
      profile.mean === null ? null : ["Mean", figure(profile.mean)],
      profile.deviation === null ? null : ["Standard deviation", figure(profile.deviation)],
      profile.length === null ? null : ["Mean length", `${figure(profile.length)} characters`],
    ];
    return section(
      el("p.note", {}, `Of release ${profile.release}.${profile.estimated ? " Distinct values, frequent values and shape are PostgreSQL's estimates; the rest is counted." : ""}`),
      el("dl.facts", {}, facts.filter(Boolean).map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)))),
      el("div.grid", {}, shape(profile), tops(profile))
    );
  }

  const figure = (value) => (Math.abs(value) >= 1000 ? format.count(Math.round(value)) : String(Number(value.toPrecision(4))));

  // Returns how much of the values lies in each of some parts of equal width, from bounds between which equal shares lie.
  function bins(bounds, count = BINS) {
    const low = bounds[0];
    const wide = (bounds[bounds.length - 1] - low) / count;
    const shares = new Array(count).fill(0);
    const each = 1 / (bounds.length - 1);
    for (let at = 1; at < bounds.length; at += 1) {
      const from = (bounds[at - 1] - low) / wide;
      const to = (bounds[at] - low) / wide;
      const last = Math.min(count - 1, Math.max(Math.ceil(to) - 1, Math.floor(from)));
      for (let bin = Math.min(count - 1, Math.floor(from)); bin <= last; bin += 1) {
        const part = to > from ? (Math.min(to, bin + 1) - Math.max(from, bin)) / (to - from) : 1;
        shares[bin] += each * Math.max(0, part);
      }
    }
    return shares.map((value, bin) => ({ from: low + bin * wide, to: low + (bin + 1) * wide, share: value }));
  }

  function shape({ bounds, type }) {
    if (!bounds || bounds.length < 3) return null;
    const isTime = /^(date|timestamp)/.test(type);
    const numbers = bounds.map((text) => (isTime ? Date.parse(`${text.replace(" ", "T").slice(0, 19)}${text.length > 10 ? "Z" : ""}`) : Number(text)));
    if (numbers.some(Number.isNaN) || numbers[0] === numbers[numbers.length - 1]) return null;
    // A few extreme values would leave one bar: then the middle 90 % are shown.
    const part = Math.round((numbers.length - 1) / 20);
    const middle = numbers.slice(part, numbers.length - part);
    const isCut = part > 0 && middle[middle.length - 1] > middle[0] && numbers[numbers.length - 1] - numbers[0] > 8 * (middle[middle.length - 1] - middle[0]);
    const spoken = (value) => (isTime ? format.day(new Date(value)) : format.short(value));
    const parts = bins(isCut ? middle : numbers);
    return Charts.figure({
      title: "Distribution",
      note: isCut ? `Of the middle 90 % of the values: 5 % lie below ${spoken(middle[0])}, 5 % above ${spoken(middle[middle.length - 1])}.` : "Share of the values in parts of equal width.",
      describe: `Half of the values lie between ${bounds[Math.floor(bounds.length / 4)]} and ${bounds[Math.floor((bounds.length * 3) / 4)]}.`,
      draw: (width) =>
        Charts.plot(width, {
          height: 160,
          marginLeft: 44,
          x: { type: isTime ? "utc" : "linear", ticks: Math.max(2, Math.floor(width / 110)), tickFormat: isTime ? undefined : (value) => format.short(value) },
          y: { grid: true, ticks: 4, tickFormat: (value) => format.percent(value) },
          marks: [Plot.rectY(parts, { x1: "from", x2: "to", y: "share", fill: Charts.colour.main, insetLeft: 0.5, insetRight: 0.5 }), Plot.ruleY([0], { stroke: Charts.colour.muted })],
        }),
      table: {
        columns: [{ label: "From" }, { label: "To" }, { label: "Share", numeric: true }],
        rows: () => parts.map(({ from, to, share }) => [spoken(from), spoken(to), format.percent(share)]),
      },
    }).element;
  }

  // Frequent values as a table with bars: a value may be any text.
  function tops({ top }) {
    if (!top.length) return el("p.empty", {}, "No value is more frequent than others.");
    const most = Math.max(...top.map(([, share]) => share));
    const shown = top.slice(0, 10);
    return el("figure.card", { "data-name": "tops" }, el("figcaption", {}, el("h3", {}, "Frequent values")), Charts.table({
      caption: "Frequent values",
      columns: [{ label: "Value" }, { label: "Share", numeric: true }, { label: "Compared" }],
      rows: shown.map(([value, share]) => {
        const bar = el("span.bar", { "aria-hidden": "true" });
        bar.style.width = `${Math.max(1, (100 * share) / most)}%`;
        return [value === "" ? el("em", {}, "empty text") : value, format.percent(share), el("span.bar-room", {}, bar)];
      }),
    }));
  }

  return { card, bins };
})();
