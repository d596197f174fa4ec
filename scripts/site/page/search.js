"use strict";
// Ranked search in names and texts, while the user types.
const Search = (() => {
  const { el } = Site;
  const SHOWN = 24;
  // What a match is worth, by where it is.
  const WORTH = { whole: 120, part: 90, start: 70, word: 50, inside: 30, text: 12, textInside: 5 };

  const plain = (text) => text.toLowerCase().replace(/[_.:]+/g, " ");
  const words = (query) => plain(query).split(/\s+/).filter(Boolean);

  // Returns an index of entries: {name, text, weight}. `weight` is added to what a match is worth.
  function index(entries) {
    return entries.map((entry) => ({ entry, name: plain(entry.name), last: plain(entry.name.split(/[.:]/).pop()), text: plain(entry.text ?? "") }));
  }

  function worth(known, word) {
    const { name, last, text } = known;
    if (name === word || last === word) return WORTH.whole;
    if (` ${last} `.includes(` ${word} `)) return WORTH.part;
    if (last.startsWith(word)) return WORTH.start;
    if (` ${name}`.includes(` ${word}`)) return WORTH.word;
    if (name.includes(word)) return WORTH.inside;
    if (` ${text}`.includes(` ${word}`)) return WORTH.text;
    if (text.includes(word)) return WORTH.textInside;
    return 0;
  }

  // Returns the entries in which each word of the query occurs, the best first.
  function find(known, query, limit = SHOWN) {
    const wanted = words(query);
    if (!wanted.length) return [];
    const whole = wanted.join(" ");
    const found = [];
    for (const each of known) {
      let sum = 0;
      for (const word of wanted) {
        const of = worth(each, word);
        if (!of) {
          sum = 0;
          break;
        }
        sum += of;
      }
      if (!sum) continue;
      if (each.last === whole || each.name === whole) sum += 200;
      else if (each.last.startsWith(whole)) sum += 60;
      found.push([sum + (each.entry.weight ?? 0) - each.name.length / 20, each.entry]);
    }
    return found.sort((a, b) => b[0] - a[0] || (a[1].name < b[1].name ? -1 : 1)).slice(0, limit).map(([, entry]) => entry);
  }

  // Returns the names that are most like a query that finds nothing.
  function nearest(known, query, limit = 3) {
    const pairs = (text) => {
      const padded = ` ${text} `;
      return new Set(Array.from({ length: padded.length - 1 }, (_, at) => padded.slice(at, at + 2)));
    };
    const wanted = pairs(words(query).join(" "));
    const like = (text) => {
      const own = pairs(text);
      return (2 * [...own].filter((pair) => wanted.has(pair)).length) / (own.size + wanted.size);
    };
    return known
      .map(({ name, last, entry }) => [Math.max(like(name), like(last)), entry])
      .filter(([like]) => like > 0.3)
      .sort((a, b) => b[0] - a[0])
      .slice(0, limit)
      .map(([, entry]) => entry);
  }

  // Returns a text as nodes, with the words of the query marked.
  function marked(text, query) {
    const wanted = query.toLowerCase().split(/[\s_.:]+/).filter(Boolean);
    if (!wanted.length) return [text];
    const pattern = new RegExp(`(${wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
    return text.split(pattern).map((part, at) => (at % 2 ? el("mark", {}, part) : part)).filter((part) => part !== "");
  }

  // Returns the part of a text around its first match, for a line of results.
  function excerpt(text, query, length = 140) {
    const flat = (text ?? "").replace(/\s+/g, " ");
    const at = Math.max(0, ...words(query).map((word) => flat.toLowerCase().indexOf(word)));
    const from = at > length - 40 ? flat.lastIndexOf(" ", at - 40) + 1 : 0;
    return `${from ? "… " : ""}${flat.slice(from, from + length)}${from + length < flat.length ? " …" : ""}`;
  }

  // Returns a search field with a list of results: {element, focus()}.
  //   label, placeholder, results(query): entries, line(entry, query): nodes, choose(entry), none(query): nodes
  function field({ id, label, placeholder, results, line, choose, none }) {
    const list = el("ul.results", { id: `${id}-results`, role: "listbox", "aria-label": label, hidden: true });
    const said = el("p.hidden", { role: "status" });
    const nothing = el("p.nothing", { hidden: true });
    const input = el("input", {
      id,
      type: "search",
      role: "combobox",
      placeholder,
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": label,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": list.id,
    });
    let found = [];
    let active = -1;

    function open(is) {
      list.hidden = !is || !found.length;
      nothing.hidden = !is || found.length > 0 || !input.value.trim();
      input.setAttribute("aria-expanded", String(!list.hidden));
      if (list.hidden) input.removeAttribute("aria-activedescendant");
    }
    function activate(at) {
      list.children[active]?.setAttribute("aria-selected", "false");
      active = at;
      const line = list.children[at];
      if (!line) return input.removeAttribute("aria-activedescendant");
      line.setAttribute("aria-selected", "true");
      line.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", line.id);
    }
    function search() {
      const query = input.value;
      found = results(query);
      list.replaceChildren(
        ...found.map((entry, at) =>
          el(
            "li",
            { id: `${id}-result-${at}`, role: "option", "aria-selected": "false", onmousedown: (event) => event.preventDefault(), onclick: () => pick(entry) },
            line(entry, query)
          )
        )
      );
      active = -1;
      nothing.replaceChildren(...(found.length || !query.trim() ? [] : none(query)));
      open(document.activeElement === input);
      said.textContent = query.trim() ? (found.length ? `${found.length} found` : "Nothing found") : "";
      if (found.length && query.trim()) activate(0);
    }
    function pick(entry) {
      input.value = "";
      found = [];
      open(false);
      input.blur();
      choose(entry);
    }
    input.addEventListener("input", search);
    input.addEventListener("focus", search);
    input.addEventListener("blur", () => setTimeout(() => open(false), 120));
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && found.length) {
        event.preventDefault();
        activate((active + step + found.length) % found.length);
      } else if (event.key === "Enter" && found[active]) {
        event.preventDefault();
        pick(found[active]);
      } else if (event.key === "Escape") {
        input.value = "";
        search();
        open(false);
      }
    });
    return { element: el("div.search", {}, input, list, nothing, said), focus: () => input.focus() };
  }

  return { index, find, nearest, marked, excerpt, field };
})();
