// Draws each figure[data-chart] from the JSON beside its table, in the colours of the theme.
(() => {
  const HEIGHT = 240;
  const drawn = new Map();

  // The theme's colours are light-dark() pairs, which a canvas cannot read: an element resolves them.
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const resolved = getComputedStyle(probe).color;
    probe.remove();
    return resolved;
  };
  const faded = (rgb, share) => rgb.replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${share})`);

  const money = (unit) => /^[A-Z]{3}$/.test(unit);
  const written = (data) => (value) => {
    if (data.unit === "B") return bytes(value);
    if (money(data.unit)) {
      return new Intl.NumberFormat("en-US", { style: "currency", currency: data.unit }).format(value);
    }
    const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: data.digits }).format(value);
    return `${number} ${data.unit}`.trim();
  };
  const bytes = (value) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let place = 0;
    for (; Math.abs(value) >= 1024 && place < units.length - 1; place += 1) value /= 1024;
    return `${place ? value.toFixed(1) : Math.round(value)} ${units[place]}`;
  };
  const POWERS = Array.from({ length: 51 }, (_, power) => 2 ** power);
  const moment = (data) => (seconds) => {
    if (seconds === null || seconds === undefined) return "";
    const iso = new Date(seconds * 1000).toISOString();
    return data.daily ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
  };

  // The length of a step, how its ticks are written, and what stands below those that begin a year or a day.
  const TICKS = [
    [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  ];

  const KINDS = {
    line: (stroke) => ({ stroke, width: 1.5 }),
    area: (stroke) => ({ stroke, width: 1.5, fill: faded(stroke, 0.15) }),
    bars: (stroke) => ({ stroke, width: 0, fill: stroke, paths: uPlot.paths.bars({ size: [0.7, 40] }) }),
    dashed: (stroke) => ({ stroke, width: 1.5, dash: [6, 4] }),
    points: (stroke) => ({ stroke, width: 0, paths: () => null, points: { show: true, size: 8, fill: stroke } }),
    low: (stroke) => ({ stroke: faded(stroke, 0.4), width: 1 }),
    high: (stroke) => ({ stroke: faded(stroke, 0.4), width: 1 }),
  };

  // What the legend says of a series at a moment: its own figure, also where it stands on others.
  const legend = (data, place, at) => {
    if (at === null || at === undefined) return "";
    const each = data.series[place];
    const value = each.values[at] ?? null;
    return value === null ? each.missing : written(data)(value);
  };
  // A figure without a neighbour to draw a line to is a point.
  const alone = ({ kind, bridged, values }) => {
    if (!["line", "area", "dashed"].includes(kind)) return null;
    const known = [...values.keys()].filter((at) => values[at] !== null);
    if (bridged) return known.length === 1 ? known : null;
    return known.filter((at) => (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null);
  };
  const seriesOf = (data) =>
    data.series.map((each, place) => ({
      label: each.label,
      value: (_plot, _height, _series, at) => legend(data, place, at),
      points: { filter: () => alone(each), show: data.at.length < 3 },
      spanGaps: each.bridged,
      ...KINDS[each.kind](colour(`series-${each.colour ?? (place % 6) + 1}`)),
    }));

  const bandsOf = (data) =>
    data.series.flatMap((each, place) =>
      each.kind === "low"
        ? [{ series: [place + 2, place + 1], fill: faded(colour(`series-${each.colour ?? (place % 6) + 1}`), 0.15) }]
        : [],
    );

  // Each bar or area stands on those before it, what is below zero hangs from those; the tallest are drawn first.
  const arranged = (data) => {
    const coloured = data.series.map((each, place) => ({ ...each, colour: each.colour ?? (place % 6) + 1 }));
    if (!data.stacked) return { ...data, series: coloured };
    const above = data.at.map(() => 0);
    const below = data.at.map(() => 0);
    const stand = (value, at) => {
      if (value === null) return null;
      const pile = value < 0 ? below : above;
      pile[at] += value;
      return pile[at];
    };
    const isStacked = (each) => ["bars", "area"].includes(each.kind);
    const stack = coloured.filter(isStacked).map((each) => ({ ...each, heights: each.values.map(stand) }));
    return { ...data, series: [...stack.reverse(), ...coloured.filter((each) => !isStacked(each))] };
  };

  const drawSpans = (data) => (plot) => {
    const apart = data.daily ? 43200 : 0;
    for (const span of data.spans) {
      const { left, width, top, height } = plot.bbox;
      const from = Math.max(left, plot.valToPos(span.first - apart, "x", true));
      const to = Math.min(left + width, plot.valToPos(span.last + apart, "x", true));
      if (to <= from) continue;
      plot.ctx.save();
      plot.ctx.fillStyle = faded(colour("muted"), 0.16);
      plot.ctx.fillRect(from, top, to - from, height);
      plot.ctx.restore();
    }
  };

  // Names of marks that are close to each other stand one below the other.
  const drawMarks = (data) => (plot) => {
    const line = 12 * devicePixelRatio;
    let [right, row] = [-Infinity, 0];
    for (const mark of data.marks) {
      const x = Math.round(plot.valToPos(mark.at, "x", true));
      if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
      plot.ctx.save();
      plot.ctx.strokeStyle = plot.ctx.fillStyle = colour(mark.tone === "info" ? "accent" : mark.tone);
      plot.ctx.lineWidth = devicePixelRatio;
      plot.ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      plot.ctx.beginPath();
      plot.ctx.moveTo(x, plot.bbox.top);
      plot.ctx.lineTo(x, plot.bbox.top + plot.bbox.height);
      plot.ctx.stroke();
      plot.ctx.beginPath();
      plot.ctx.arc(x, plot.bbox.top, 4 * devicePixelRatio, 0, 2 * Math.PI);
      plot.ctx.fill();
      plot.ctx.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
      const left = x + 7 * devicePixelRatio;
      row = left < right && (row + 2) * line < plot.bbox.height ? row + 1 : 0;
      right = left + plot.ctx.measureText(mark.name).width + 3 * devicePixelRatio;
      plot.ctx.fillText(mark.name, left, plot.bbox.top + 10 * devicePixelRatio + row * line);
      plot.ctx.restore();
    }
  };

  const options = (data, width) => {
    const axis = {
      stroke: colour("muted"),
      grid: { stroke: colour("line"), width: 1 },
      ticks: { stroke: colour("line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    const hasBars = data.series.some((each) => each.kind === "bars");
    const day = 86400;
    return {
      width,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { y: false },
      scales: {
        x: data.daily ? { range: daysOf(hasBars ? day / 2 : 0) } : {},
        y: { range: (_plot, low, high) => ends(data, low, high) },
      },
      axes: [
        { ...axis, ...(data.daily ? { values: (_plot, at) => at.map((each) => moment(data)(each).slice(5)), incrs: [1, 2, 7, 14, 28, 91].map((days) => days * day) } : { values: TICKS }) },
        { ...axis, ...(data.unit === "B" && { incrs: POWERS }), size: 76, values: (_plot, at) => at.map(written({ ...data, digits: Math.max(data.digits, 1) })) },
      ],
      series: [{ label: data.daily ? "Day" : "UTC", value: (_plot, at) => moment(data)(at) }, ...seriesOf(data)],
      bands: bandsOf(data),
      hooks: { drawClear: [drawSpans(data)], draw: [drawMarks(data)] },
    };
  };
  // A single day stands amid others; uPlot would have years follow it.
  const daysOf = (beside) => (plot, low, high) =>
    plot.data[0].length === 1 ? [low - 3 * 86400, low + 3 * 86400] : [low - beside, high + beside];
  const ends = (data, low, high) => {
    const [from, to] = uPlot.rangeNum(low ?? 0, high ?? 1, 0.1, true);
    return [data.low ?? from, data.high ?? Math.max(to, (data.low ?? from) + Number.EPSILON)];
  };

  const read = (figure) =>
    arranged(JSON.parse(figure.querySelector("script[type='application/json']").textContent));
  const figures = (data) => [data.at, ...data.series.map((each) => each.heights ?? each.values)];
  const shape = (data) =>
    JSON.stringify([data.unit, data.daily, data.low, data.high, data.series.map((each) => [each.label, each.kind])]);

  const draw = (figure) => {
    const place = figure.querySelector(".plot");
    drawn.get(figure)?.plot.destroy();
    const data = read(figure);
    drawn.set(figure, { plot: new uPlot(options(data, place.clientWidth), figures(data), place), shape: shape(data), data });
    figure.dataset.points = data.at.length;
    figure.dataset.marks = data.marks.length;
  };
  // New figures of the same series go into the drawing that is there; what it is read with is renewed.
  const refresh = (figure) => {
    const before = drawn.get(figure);
    const data = read(figure);
    if (!before || before.shape !== shape(data)) {
      draw(figure);
      return;
    }
    const { marks, spans, series } = data;
    Object.assign(before.data, { marks, spans, series }); // the drawing and its legend read them there
    before.plot.setData(figures(data));
    figure.dataset.points = data.at.length;
    figure.dataset.marks = data.marks.length;
  };

  const resized = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const known = drawn.get(target.closest("[data-chart]"));
      if (known && contentRect.width > 0 && known.plot.width !== Math.floor(contentRect.width)) {
        known.plot.setSize({ width: Math.floor(contentRect.width), height: HEIGHT });
      }
    }
  });
  const begin = (within) => {
    for (const figure of within.querySelectorAll("[data-chart]")) {
      if (drawn.has(figure)) continue;
      draw(figure);
      resized.observe(figure.querySelector(".plot"));
    }
  };

  begin(document);
  const drawAnew = () => drawn.forEach((_known, figure) => draw(figure));
  document.addEventListener("themechange", drawAnew);
  matchMedia("print").addEventListener("change", drawAnew); // paper is light
  document.addEventListener("htmx:afterSwap", (event) => {
    const figure = event.detail.target.closest("[data-chart]");
    if (figure) refresh(figure);
    else begin(event.detail.target);
    for (const known of drawn.keys()) {
      if (!known.isConnected) {
        drawn.get(known).plot.destroy();
        drawn.delete(known);
      }
    }
  });
})();
