"use strict";
// The Markdown of descriptions: paragraphs, lists, code, bold, italics. It makes text nodes and elements, and never reads
// HTML, so a tag in a description is shown as it is written.
const Markdown = (() => {
  const { el } = Site;
  const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

  // Returns the nodes of one line of text. `target(code)` may return the address of what a piece of code names.
  function inline(text, target) {
    const nodes = [];
    let end = 0;
    for (const found of text.matchAll(INLINE)) {
      nodes.push(text.slice(end, found.index));
      end = found.index + found[0].length;
      const [, code, bold, italics, linked] = found;
      if (code !== undefined) {
        const address = target?.(code);
        const element = el("code", {}, code);
        nodes.push(address ? el("a", { href: address }, element) : element);
      } else if (bold !== undefined) nodes.push(el("strong", {}, ...inline(bold, target)));
      else if (italics !== undefined) nodes.push(el("em", {}, italics));
      // A link leads to a file of the repository, which the page does not have.
      else nodes.push(...inline(linked, target));
    }
    nodes.push(text.slice(end));
    return nodes.filter((node) => node !== "");
  }

  // Returns a description as a list of elements.
  function blocks(text, target) {
    return (text ?? "")
      .split(/\n\s*\n/)
      .filter((block) => block.trim())
      .map((block) => {
        const lines = block.trim().split("\n");
        if (lines.every((line) => /^([-*] |\s)/.test(line)) && /^[-*] /.test(lines[0])) {
          const items = block.trim().split(/\n(?=[-*] )/).map((item) => item.replace(/^[-*] /, "").replace(/\s+/g, " "));
          return el("ul.bullets", {}, items.map((item) => el("li", {}, ...inline(item, target))));
        }
        return el("p", {}, ...inline(lines.map((line) => line.trim()).join(" "), target));
      });
  }

  return { inline, blocks };
})();
