"use strict";
// The network of products: the strongest pairs as a picture, and what to offer beside a product. A release without the
// network has no such tab.
(() => {
  const { el, format } = Site;
  const NEEDS = ["network_pairs", "network_products", "recommendations"];
  const STEPS = 300;
  if (!NEEDS.every((name) => document.getElementById(`data-${name}`))) return;

  Site.view({
    id: "network",
    title: "Network",
    needs: NEEDS,
    render(root, tables, context) {
      const products = new Map(tables.network_products.objects().map((product) => [product.stock_code, product]));
      const pairs = tables.network_pairs.objects();
      const name = (code) => products.get(code)?.description ?? "";
      root.append(
        el("h2", {}, "Network of products"),
        el("p.lead", {}, "Which products customers put into the same basket. Wholesale orders of very many products do not count, nor does what was cancelled.")
      );
      if (!products.size) {
        root.append(el("p.empty", {}, "No two products are together in enough baskets yet."));
        return null;
      }
      const byCode = new Map();
      for (const line of tables.recommendations.objects()) {
        if (!byCode.has(line.stock_code)) byCode.set(line.stock_code, []);
        byCode.get(line.stock_code).push(line);
      }
      const index = Search.index([...products.values()].map((product) => ({ ...product, name: product.stock_code, text: product.description, weight: 0 })));
      const answer = el("div");
      root.append(
        picture(),
        Search.field({
          id: "network-product",
          label: "What to offer beside a product",
          placeholder: "Stock code or description",
          results: (query) => (query.trim() ? Search.find(index, query, 30) : [...products.values()].slice(0, 8)),
          line: (entry, query) => [
            el("span.kind", {}, `${format.count(entry.neighbours)} neighbours`),
            el("span.name", {}, Search.marked(entry.stock_code, query)),
            el("span.text", {}, Search.marked(entry.description, query)),
          ],
          choose: (entry) => context.set({ product: entry.stock_code }, { replace: false }),
          none: () => ["No product of the network is named so. Products in few baskets are left out."],
        }).element,
        answer,
        communities()
      );

      // Communities with pairs in the picture, the ones with most products in it first, have a colour each.
      function shades() {
        const sizes = d3.rollup(
          new Set(pairs.flatMap((pair) => [pair.stock_code, pair.paired_stock_code])),
          (codes) => codes.length,
          (code) => products.get(code)?.community
        );
        const largest = [...sizes].sort((a, b) => b[1] - a[1] || d3.ascending(a[0], b[0])).slice(0, 7);
        return new Map(largest.map(([community], at) => [community, Charts.colour.series[at]]));
      }

      function picture() {
        const shade = shades();
        return Charts.figure({
          title: `The ${format.count(pairs.length)} strongest pairs`,
          note: "A dot is a product, larger with more baskets. A line joins products that are often together, thicker with a higher cosine. Colours show the communities with most products here; click a dot to see what to offer beside it.",
          describe: pairs.slice(0, 3).map((pair) => `${name(pair.stock_code)} with ${name(pair.paired_stock_code)}`).join("; "),
          empty: "No pair is more frequent than by chance.",
          legend: [...shade].map(([community, colour]) => ({ label: name(community) || community, colour, kind: "dot" })),
          draw: (width) => (pairs.length ? drawing(width, shade) : null),
          table: {
            columns: [{ label: "Product" }, { label: "Other product" }, { label: "Cosine", numeric: true }, { label: "Lift", numeric: true }, { label: "Baskets", numeric: true }],
            rows: () => pairs.map((pair) => [`${pair.stock_code} ${name(pair.stock_code)}`, `${pair.paired_stock_code} ${name(pair.paired_stock_code)}`, pair.cosine.toFixed(2), pair.lift.toFixed(1), format.count(pair.pair_baskets)]),
          },
        }).element;
      }

      function drawing(width, shade) {
        const height = Math.max(420, Math.min(720, Math.round(width * 0.6)));
        const codes = [...new Set(pairs.flatMap((pair) => [pair.stock_code, pair.paired_stock_code]))].sort(d3.ascending);
        const nodes = codes.map((id) => ({ id, baskets: products.get(id)?.baskets ?? 0, community: products.get(id)?.community }));
        const links = pairs.map((pair) => ({ source: pair.stock_code, target: pair.paired_stock_code, pair }));
        const radius = d3.scaleSqrt([0, d3.max(nodes, (node) => node.baskets) || 1], [2.5, 12]);
        d3.forceSimulation(nodes)
          .force("link", d3.forceLink(links).id((node) => node.id).distance(26))
          .force("charge", d3.forceManyBody().strength(-40))
          .force("collide", d3.forceCollide((node) => radius(node.baskets) + 2))
          .force("x", d3.forceX(0).strength(0.08))
          .force("y", d3.forceY(0).strength(0.08 * (width / height)))
          .stop()
          .tick(STEPS);
        const [left, right] = d3.extent(nodes, (node) => node.x);
        const [top, bottom] = d3.extent(nodes, (node) => node.y);
        const x = d3.scaleLinear([left, right], [16, width - 16]);
        const y = d3.scaleLinear([top, bottom], [16, height - 16]);
        const svg = d3.create("svg").attr("viewBox", [0, 0, width, height]).attr("width", width).attr("height", height).attr("class", "network");
        for (const { source, target, pair } of links) {
          svg.append("line").attr("x1", x(source.x)).attr("y1", y(source.y)).attr("x2", x(target.x)).attr("y2", y(target.y)).style("stroke-width", `${0.5 + 4 * pair.cosine}px`)
            .append("title").text(`${name(source.id)} with ${name(target.id)}: cosine ${pair.cosine.toFixed(2)}, ${format.count(pair.pair_baskets)} baskets`);
        }
        for (const node of nodes) {
          svg.append("circle").attr("cx", x(node.x)).attr("cy", y(node.y)).attr("r", radius(node.baskets)).style("--shade", shade.get(node.community) ?? Charts.colour.muted)
            .on("click", () => context.set({ product: node.id }, { replace: false }))
            .append("title").text(`${node.id} ${name(node.id)}: ${format.count(node.baskets)} baskets`);
        }
        return svg.node();
      }

      function communities() {
        const groups = d3.groups(products.values(), (product) => product.community)
          .filter(([, members]) => members.length > 1)
          .map(([community, members]) => ({ community, members, baskets: d3.sum(members, (member) => member.baskets) }))
          .sort((a, b) => b.baskets - a.baskets || d3.ascending(a.community, b.community));
        return el("section.card", { "data-name": "communities" },
          el("h3", {}, "Communities"),
          el("p.note", {}, `${format.count(groups.length)} groups of products that are each other's closest; those with most baskets first.`),
          el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Communities" }, Charts.table({
            columns: [{ label: "First code" }, { label: "Products", numeric: true }, { label: "Baskets of its products", numeric: true }, { label: "Among them" }],
            rows: groups.slice(0, 50).map(({ community, members, baskets }) => [community, format.count(members.length), format.count(baskets), members.slice(0, 4).map((member) => member.description).join(", ")]),
            empty: "No two products are each other's closest.",
          })));
      }

      function update(params) {
        const product = products.get(params.product ?? [...products.keys()][0]);
        if (!product) {
          answer.replaceChildren(el("p.empty", { role: "status" }, `The network has no product ${params.product}: it is in too few baskets.`));
          return;
        }
        const offers = byCode.get(product.stock_code) ?? [];
        answer.replaceChildren(el("section.card", { "data-name": "recommendations" },
          el("h3", {}, `Beside ${product.stock_code} ${product.description}`),
          el("p.note", {}, "Ranked by cosine. Confidence is the share of the baskets with this product that also have the other one. In SQL: ", el("code", {}, `select * from gold.recommend('${product.stock_code.replace(/'/g, "''")}', 10)`)),
          el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Recommendations" }, Charts.table({
            columns: [{ label: "Product" }, { label: "Description" }, { label: "Cosine", numeric: true }, { label: "Confidence", numeric: true }, { label: "Lift", numeric: true }, { label: "Baskets", numeric: true }],
            rows: offers.map((offer) => [
              el("button.link", { type: "button", onclick: () => context.set({ product: offer.paired_stock_code }, { replace: false }) }, offer.paired_stock_code),
              name(offer.paired_stock_code), offer.cosine.toFixed(2), format.percent(offer.confidence), offer.lift.toFixed(1), format.count(offer.pair_baskets),
            ]),
          }))));
      }

      update(context.params);
      return update;
    },
  });
})();
