(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("curves-data").textContent);
  const holders = [...document.querySelectorAll(".chart")];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };

  if (typeof Plotly === "undefined") {
    document.getElementById("failed").hidden = false;
    for (const part of document.querySelectorAll(".controls, .charts")) part.hidden = true;
    return;
  }

  // plotly reads a few tags in its texts: names must reach it as text.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  const palette = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(`--${name}`).trim();
  };

  const family = () => getComputedStyle(document.body).fontFamily;

  const chosen = () => {
    const radio = document.querySelector("input[name=metric]:checked");
    const boxes = [...document.querySelectorAll("input[name=arm]")];
    const forecast = document.querySelector("input[name=forecast]");
    const ahead = forecast !== null && forecast.checked;
    return { metric: radio ? Number(radio.value) : 0, shown: boxes.map((box) => box.checked), ahead };
  };

  // Arms stand slightly apart, and an arm's forecast stands with it. Of many arms, those that are shown share the room.
  const many = data.arms.length > data.many;
  let places = data.arms.map((_, index) => index);
  const spread = (shown) => {
    if (many) places = shown.map((_, index) => shown.slice(0, index).filter(Boolean).length);
  };
  const aside = (index, axis) => {
    const count = many ? Math.max(...places) + 1 : data.arms.length;
    return (places[index] - (count - 1) / 2) * axis.apart * Math.min(1, data.many / count);
  };
  const hoverlabel = (ink, colour) => ({
    align: "left", bgcolor: colour("raised"), bordercolor: ink, font: { family: family(), color: colour("ink"), size: 13 },
  });
  const told = (name, point) => `${plain(name)}<br><b>${point.score}</b> ${point.interval}<br>${point.told}`;

  const trace = (points, index, colour, shown, axis) => {
    const arm = data.arms[index];
    const ink = colour(`arm-${arm.colour}`);
    return {
      type: "scatter",
      mode: "lines+markers",
      visible: shown,
      x: points.map((point) => point.x + aside(index, axis)),
      y: points.map((point) => point.y),
      customdata: points.map((point) => told(arm.name, point)),
      error_y: {
        type: "data",
        symmetric: false,
        array: points.map((point) => Math.max(0, point.high - point.y)),
        arrayminus: points.map((point) => Math.max(0, point.y - point.low)),
        color: ink,
        thickness: 1.25,
        width: 0,
      },
      line: { color: ink, dash: arm.dash, width: 2 },
      marker: { color: ink, symbol: arm.symbol, size: 9, line: { color: colour("raised"), width: 1.25 } },
      cliponaxis: false,
      hovertemplate: "%{customdata}<extra></extra>",
      hoverlabel: hoverlabel(ink, colour),
    };
  };

  const fade = (ink, opacity) => {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(ink.slice(at, at + 2), 16));
    return `rgba(${red},${green},${blue},${opacity})`;
  };

  // A forecast's shade from the last measured point on, between two of its lines.
  const shade = (band, low, high, index, colour, opacity, axis) => {
    const x = band.x.map((at) => at + aside(index, axis));
    const ink = colour(`arm-${data.arms[index].colour}`);
    return {
      type: "scatter", mode: "lines", fill: "toself", hoverinfo: "skip",
      fillcolor: fade(ink, opacity),
      line: { color: fade(ink, 0.5), width: 0.75 }, // an edge can be followed through another arm's shade
      x: [...x, ...x.slice().reverse()],
      y: [...band[high], ...band[low].slice().reverse()],
    };
  };

  // The broken line starts at the last measured point; there it tells what was measured.
  const middle = (band, last, index, colour, bar, axis) => {
    const arm = data.arms[index];
    const ink = colour(`arm-${arm.colour}`);
    const end = band.x.length - 1;
    const only = (value) => band.x.map((_, at) => at === end ? value : 0);
    return {
      type: "scatter", mode: "lines", cliponaxis: false,
      x: band.x.map((at) => at + aside(index, axis)),
      y: [last.y, ...band.score.slice(1)],
      line: { color: ink, width: 1.75, dash: "5px,4px" },
      error_y: {
        type: "data", symmetric: false, visible: bar, color: ink, thickness: 1.25, width: 3,
        array: only(band.high80[end] - band.score[end]), arrayminus: only(band.score[end] - band.low80[end]),
      },
      customdata: [told(arm.name, last), ...band.points.map((point) => told(`${arm.name}, forecast`, point))],
      hovertemplate: "%{customdata}<extra></extra>",
      hoverlabel: hoverlabel(ink, colour),
    };
  };

  // One arm's shade can hold both intervals; three arms' shades can be told apart; of more, only a bar at the end is left.
  const forecasts = (chart, { metric, shown, ahead }, colour, axis) => {
    const bands = chart.bands[metric].map((band, arm) => ahead && shown[arm] ? band : null);
    const count = bands.filter(Boolean).length;
    const alone = shown.filter(Boolean).length === 1; // in every chart or in none: they share their y axis
    const dim = dark.matches && !document.documentElement.classList.contains("printing");
    const shades = bands.flatMap((band, arm) => band === null || count > 3 ? [] : [
      ...(alone ? [shade(band, "low95", "high95", arm, colour, dim ? 0.12 : 0.09, axis)] : []),
      shade(band, "low80", "high80", arm, colour, dim ? 0.2 : 0.16, axis),
    ]);
    const middles = bands.flatMap((band, arm) => band === null ? [] : [
      middle(band, chart.lines[metric][arm].at(-1), arm, colour, count > 3, axis),
    ]);
    return [...shades, ...middles];
  };

  // Where all forecasts of a chart start at the same size, a hairline says where measuring ends.
  const start = (chart, { metric, shown, ahead }) => {
    const starts = new Set(chart.bands[metric].filter((band, arm) => ahead && band && shown[arm]).map((band) => band.x[0]));
    return starts.size === 1 ? [...starts][0] : null;
  };

  // Two strokes through the axis line, and a gap between them, say that 0 is not on the logarithmic scale.
  const axisBreak = (colour, axis) => {
    if (axis.break === null) return [];
    const at = { xsizemode: "pixel", ysizemode: "pixel", xref: "x", yref: "paper", xanchor: axis.break, yanchor: 0 };
    const stroke = (x) => ({ ...at, type: "line", x0: x - 2, x1: x + 2, y0: -5, y1: 5, line: { color: colour("soft"), width: 1.25 } });
    const gap = { ...at, type: "line", x0: -2.5, x1: 2.5, y0: 0, y1: 0, line: { color: colour("raised"), width: 3 } };
    return [gap, stroke(-3), stroke(3)];
  };

  const layout = (metric, colour, axis, top, from) => ({
    autosize: true,
    margin: { l: 44, r: 12, t: axis === data.ahead ? 24 : 10, b: 46 },
    paper_bgcolor: colour("raised"),
    plot_bgcolor: colour("raised"),
    font: { family: family(), size: 12.5, color: colour("soft") },
    showlegend: false,
    hovermode: "closest",
    dragmode: false,
    xaxis: {
      range: axis.range, tickvals: axis.ticks, ticktext: axis.texts, tickangle: 0, fixedrange: true,
      showgrid: false, zeroline: false, showline: true, linecolor: colour("soft"), ticks: "outside", ticklen: 4,
      tickcolor: colour("soft"), title: { text: "labels", standoff: 6, font: { size: 12.5 } },
    },
    yaxis: {
      range: [0, top * 1.015], nticks: 6, fixedrange: true, gridcolor: colour("grid"), zeroline: false,
      ticks: "", title: { text: plain(data.metrics[metric].title), standoff: 8, font: { size: 12.5 } },
    },
    shapes: [
      ...axisBreak(colour, axis),
      ...(from === null ? [] : [{
        type: "line", xref: "x", yref: "paper", x0: from, x1: from, y0: 0, y1: 1, layer: "below",
        line: { color: colour("soft"), width: 1, dash: "1px,3px" },
      }]),
    ],
    annotations: from === null ? [] : [{
      text: "forecast", xref: "x", yref: "paper", x: from, y: 1, xanchor: "left", yanchor: "bottom", xshift: -2, yshift: 2,
      showarrow: false, font: { size: 12, color: colour("soft") },
    }],
  });

  const draw = (index) => {
    const choice = chosen();
    const { metric, shown, ahead } = choice;
    const colour = palette();
    spread(shown);
    const axis = ahead ? data.ahead : data.axis;
    const tops = data.metrics[metric];
    const top = !ahead ? tops.top : shown.filter(Boolean).length === 1 ? tops.top95 : tops.top80;
    const chart = data.charts[index];
    const traces = [
      ...forecasts(chart, choice, colour, axis),
      ...chart.lines[metric].map((points, arm) => trace(points, arm, colour, shown[arm], axis)),
    ];
    const image = { filename: `chart-${index + 1}`, scale: 3 };
    Plotly.react(holders[index], traces, layout(metric, colour, axis, top, start(chart, choice)), { ...config, toImageButtonOptions: image });
  };

  // A page may hold a hundred charts: each is drawn, and drawn anew after a change, when it is near the window.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(entry.target);
      draw(holders.indexOf(entry.target));
    }
  }, { rootMargin: "800px" });
  const redraw = () => {
    const { metric, ahead } = chosen();
    const none = data.ahead === null; // then only reasons are told
    for (const said of document.querySelectorAll(".ahead")) said.hidden = !(ahead || none) || Number(said.dataset.metric) !== metric;
    for (const holder of holders) {
      near.unobserve(holder);
      near.observe(holder);
    }
  };

  const find = document.getElementById("find");
  if (find !== null) find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const label of document.querySelectorAll(".others label:not(.find)")) {
      label.hidden = !label.textContent.toLowerCase().includes(wanted);
    }
  });

  redraw();
  for (const input of document.querySelectorAll("input[name=metric], input[name=arm], input[name=forecast]")) input.addEventListener("change", redraw);
  dark.addEventListener("change", redraw);
  addEventListener("beforeprint", () => { // paper is light, and takes every chart
    document.documentElement.classList.add("printing");
    holders.forEach((_, index) => draw(index));
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    redraw();
  });
})();
