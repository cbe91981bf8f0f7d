(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
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
    return { metric: radio ? Number(radio.value) : 0, shown: boxes.map((box) => box.checked) };
  };

  const trace = (points, index, colour, shown) => {
    const arm = data.arms[index];
    const ink = colour(`arm-${arm.colour}`);
    const aside = (index - (data.arms.length - 1) / 2) * data.axis.apart;
    return {
      type: "scatter",
      mode: "lines+markers",
      visible: shown,
      x: points.map((point) => point.x + aside),
      y: points.map((point) => point.y),
      customdata: points.map((point) => [plain(arm.name), point.score, point.interval, point.told]),
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
      hovertemplate: "%{customdata[0]}<br><b>%{customdata[1]}</b> %{customdata[2]}<br>%{customdata[3]}<extra></extra>",
      hoverlabel: { align: "left", bgcolor: colour("raised"), bordercolor: ink, font: { family: family(), color: colour("ink"), size: 13 } },
    };
  };

  // Two strokes through the axis line, and a gap between them, say that 0 is not on the logarithmic scale.
  const axisBreak = (colour) => {
    if (data.axis.break === null) return [];
    const at = { xsizemode: "pixel", ysizemode: "pixel", xref: "x", yref: "paper", xanchor: data.axis.break, yanchor: 0 };
    const stroke = (x) => ({ ...at, type: "line", x0: x - 2, x1: x + 2, y0: -5, y1: 5, line: { color: colour("soft"), width: 1.25 } });
    const gap = { ...at, type: "line", x0: -2.5, x1: 2.5, y0: 0, y1: 0, line: { color: colour("raised"), width: 3 } };
    return [gap, stroke(-3), stroke(3)];
  };

  const layout = (metric, colour) => ({
    autosize: true,
    margin: { l: 44, r: 12, t: 10, b: 46 },
    paper_bgcolor: colour("raised"),
    plot_bgcolor: colour("raised"),
    font: { family: family(), size: 12.5, color: colour("soft") },
    showlegend: false,
    hovermode: "closest",
    dragmode: false,
    xaxis: {
      range: data.axis.range, tickvals: data.axis.ticks, ticktext: data.axis.texts, tickangle: 0, fixedrange: true,
      showgrid: false, zeroline: false, showline: true, linecolor: colour("soft"), ticks: "outside", ticklen: 4,
      tickcolor: colour("soft"), title: { text: "labels", standoff: 6, font: { size: 12.5 } },
    },
    yaxis: {
      range: [0, data.metrics[metric].top * 1.015], nticks: 6, fixedrange: true, gridcolor: colour("grid"), zeroline: false,
      ticks: "", title: { text: plain(data.metrics[metric].title), standoff: 8, font: { size: 12.5 } },
    },
    shapes: axisBreak(colour),
  });

  const draw = (index) => {
    const { metric, shown } = chosen();
    const colour = palette();
    const traces = data.charts[index].lines[metric].map((points, arm) => trace(points, arm, colour, shown[arm]));
    const image = { filename: `chart-${index + 1}`, scale: 3 };
    Plotly.react(holders[index], traces, layout(metric, colour), { ...config, toImageButtonOptions: image });
  };

  // A page may hold a hundred charts: each is drawn, and drawn anew after a change, when it is near the window.
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((entry) => entry.isIntersecting)) {
      near.unobserve(entry.target);
      draw(holders.indexOf(entry.target));
    }
  }, { rootMargin: "800px" });
  const redraw = () => {
    for (const holder of holders) {
      near.unobserve(holder);
      near.observe(holder);
    }
  };

  redraw();
  for (const input of document.querySelectorAll("input[name=metric], input[name=arm]")) input.addEventListener("change", redraw);
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
