"use strict";
Site.view({
  id: "sales",
  title: "Sales",
  needs: ["sales"],
  render(root, { sales }) {
    const { el, format, DAY, MONEY_UNITS } = Site;
    const day = sales.values("date_day");
    const amount = sales.values("net_amount");
    const byDay = new Map();
    for (let row = 0; row < sales.rows; row += 1) byDay.set(day[row], (byDay.get(day[row]) ?? 0) + amount[row]);
    const series = [...byDay].map(([date, units]) => ({ date: new Date(date * DAY), net: units / MONEY_UNITS }));
    const total = [...byDay.values()].reduce((sum, units) => sum + units, 0);
    root.append(
      el("h2", {}, "Sales"),
      Charts.tiles([{ name: "net", label: "Net amount", value: format.pounds(total / MONEY_UNITS) }]),
      Charts.figure({
        title: "Net amount by day",
        draw: (width) =>
          series.length
            ? Charts.plot(width, {
                height: 260,
                marginLeft: 56,
                y: { grid: true, tickFormat: (value) => format.poundsShort(value) },
                marks: [Plot.ruleY([0]), Plot.lineY(series, { x: "date", y: "net", stroke: Charts.colour.main, tip: true })],
              })
            : null,
        table: {
          columns: [{ label: "Day" }, { label: "Net amount", numeric: true }],
          rows: () => series.map(({ date, net }) => [format.day(date), format.pence(net)]),
        },
      }).element
    );
  },
});
