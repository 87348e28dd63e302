"use strict";
(() => {
  const lib = window.LightweightCharts;
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const MOST_MARKED = 120; // trades marked at a time: more would hide the candles
  const charts = []; // [{chart, paint}]

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const faint = (hex, alpha) => hex + Math.round(alpha * 255).toString(16).padStart(2, "0");
  const minus = (text) => text.replace("-", "−");
  const money = (value) => minus(value.toLocaleString("en-US", { maximumFractionDigits: 2 }));
  const percent = (value) => minus((100 * value).toFixed(1) + " %");
  const inR = (value) => minus(value.toFixed(Math.abs(value) < 10 ? 1 : 0) + " R");
  const two = (n) => String(n).padStart(2, "0");
  const day = (s) => {
    const t = new Date(s * 1000);
    return `${t.getUTCFullYear()}-${two(t.getUTCMonth() + 1)}-${two(t.getUTCDate())}`;
  };
  const minute = (s) => {
    const t = new Date(s * 1000);
    return `${day(s)} ${two(t.getUTCHours())}:${two(t.getUTCMinutes())}`;
  };
  const price = (value, decimals) =>
    minus(value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }));

  function looks() {
    const line = faint(colour("--line"), 0.6);
    return {
      layout: {
        background: { type: "solid", color: "transparent" },
        textColor: colour("--soft"),
        fontFamily: getComputedStyle(document.body).fontFamily,
        attributionLogo: false, // named in the footer, as its licence asks
        panes: { separatorColor: colour("--line"), enableResize: false },
      },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: colour("--line") },
      timeScale: { borderColor: colour("--line") },
      crosshair: { horzLine: { labelBackgroundColor: colour("--accent") }, vertLine: { labelBackgroundColor: colour("--accent") } },
    };
  }

  function newChart(box, more) {
    const chart = lib.createChart(box, {
      autoSize: true,
      handleScroll: { vertTouchDrag: false },
      localization: { locale: "en-US", dateFormat: "yyyy-MM-dd" },
      ...more,
    });
    chart.applyOptions(looks());
    return chart;
  }

  function register(chart, paint) {
    charts.push({ chart, paint });
    paint();
  }

  function curve(id, told, value, fall, haltAt) {
    const box = document.getElementById(id);
    if (!box || !told) return;
    const chart = newChart(box, {
      handleScale: false,
      handleScroll: false,
      timeScale: { timeVisible: false, fixLeftEdge: true, fixRightEdge: true, minBarSpacing: 0.001 },
    });
    const plain = { lineWidth: 2, priceLineVisible: false, priceFormat: { type: "custom", formatter: value, minMove: 0.0001 } };
    const line = chart.addSeries(lib.BaselineSeries, { ...plain, baseValue: { type: "price", price: told.start } });
    line.setData(told.time.map((time, i) => ({ time, value: told.value[i] })));
    const below = chart.addSeries(
      lib.AreaSeries,
      { ...plain, lineWidth: 1, invertFilledArea: true, priceFormat: { type: "custom", formatter: fall, minMove: 0.0001 } },
      1,
    );
    below.setData(told.time.map((time, i) => ({ time, value: told.fall[i] })));
    const haltFrom = (told.time.findIndex((time) => time >= haltAt) / told.time.length) * box.clientWidth;
    const halt = lib.createSeriesMarkers(line, []);
    chart.panes()[0].setStretchFactor(2.2);
    chart.panes()[1].setStretchFactor(1);
    chart.timeScale().fitContent();
    register(chart, () => {
      const gain = colour("--gain"), loss = colour("--loss");
      line.applyOptions({
        topLineColor: gain, topFillColor1: faint(gain, 0.22), topFillColor2: faint(gain, 0.03),
        bottomLineColor: loss, bottomFillColor1: faint(loss, 0.03), bottomFillColor2: faint(loss, 0.2),
      });
      below.applyOptions({ lineColor: loss, topColor: faint(loss, 0.05), bottomColor: faint(loss, 0.35) });
      if (haltAt) {
        halt.setMarkers([
          { time: haltAt, position: "aboveBar", shape: "arrowDown", color: colour("--text"), text: haltFrom > 28 ? "halted" : "" },
        ]);
      }
    });
  }

  function candlesOf(told) {
    const scale = 10 ** told.decimals, rows = [], steps = told.steps;
    let close = 0;
    for (let i = 0, time = told.start; i < steps.length; i += 4, time += told.step) {
      const open = close + steps[i];
      close = open + steps[i + 3];
      rows.push({
        time,
        open: open / scale,
        high: (Math.max(open, close) + steps[i + 1]) / scale,
        low: (Math.min(open, close) - steps[i + 2]) / scale,
        close: close / scale,
      });
    }
    return rows;
  }

  function candleView() {
    const box = document.getElementById("chart-candles");
    if (!box || !data.candles.length) return;
    const chart = newChart(box, { timeScale: { timeVisible: true, rightOffset: 3, minBarSpacing: 0.01 } });
    const series = chart.addSeries(lib.CandlestickSeries, { priceLineVisible: false, lastValueVisible: false });
    const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false, autoscaleInfoProvider: () => null };
    const path = chart.addSeries(lib.LineSeries, { ...quiet, lineWidth: 2 });
    const stop = chart.addSeries(lib.LineSeries, { ...quiet, lineWidth: 1, lineStyle: lib.LineStyle.Dashed });
    const marks = lib.createSeriesMarkers(series, []);
    const say = document.getElementById("trade-told");
    const before = document.getElementById("trade-before"), next = document.getElementById("trade-next");
    const shown = { symbol: 0, run: data.trades.own ? "own" : "account", trade: 0, rows: [] };
    const told = () => data.candles[shown.symbol];
    const trades = () => (data.trades[shown.run] || {})[told().symbol] || [];
    const timeOf = (bar) => told().start + bar * told().step;
    const side = (trade) => (trade[2] > 0 ? "long" : "short");
    const result = (trade) => (trade[6] === null ? "" : `${minus((trade[6] > 0 ? "+" : "") + trade[6].toFixed(2))} R`);

    function markersOf(trade, only) {
      const up = trade[2] > 0, gain = trade[5] > 0;
      const accent = colour("--accent");
      return [
        { time: timeOf(trade[0]), position: up ? "belowBar" : "aboveBar", shape: up ? "arrowUp" : "arrowDown",
          color: accent, text: only ? side(trade) : "" },
        { time: timeOf(trade[1]), position: up ? "aboveBar" : "belowBar", shape: "circle",
          color: colour(gain ? "--gain" : "--loss"), text: only ? result(trade) : "" },
      ];
    }

    // Markers are dear: set once a frame, and only when they are others than before.
    let isAsked = false, marked = "";
    function mark() {
      if (isAsked) return;
      isAsked = true;
      requestAnimationFrame(() => {
        isAsked = false;
        const seen = chart.timeScale().getVisibleLogicalRange();
        if (seen) markInside(seen);
      });
    }

    function markInside(seen) {
      const inside = trades().filter((trade) => trade[1] >= seen.from && trade[0] <= seen.to);
      const some = inside.length <= MOST_MARKED ? inside : [];
      const these = [shown.symbol, shown.run, dark.matches, some.length, some.length && some[0][9]].join();
      if (these === marked) return;
      marked = these;
      marks.setMarkers(some.flatMap((trade) => markersOf(trade, inside.length <= 20)).sort((a, b) => a.time - b.time));
    }

    function select(index, move = true) {
      const all = trades(), trade = all[index];
      before.disabled = !trade || index === 0;
      next.disabled = !trade || index === all.length - 1;
      if (!trade) {
        say.textContent = "No trade of this symbol here.";
        path.setData([]);
        stop.setData([]);
        mark();
        return;
      }
      shown.trade = index;
      const from = timeOf(trade[0]), to = timeOf(Math.max(trade[1], trade[0] + 1)), d = told().decimals;
      path.setData([{ time: from, value: trade[3] }, { time: to, value: trade[4] }]);
      stop.setData(trade[8] === null ? [] : [{ time: from, value: trade[8] }, { time: to, value: trade[8] }]);
      path.applyOptions({ color: colour(trade[5] > 0 ? "--gain" : "--loss") });
      say.textContent =
        `Trade ${index + 1} of ${all.length}: ${side(trade)} from ${minute(trade[9])} at ${price(trade[3], d)} ` +
        `to ${minute(trade[10])} at ${price(trade[4], d)}, ${data.reasons[trade[7]]}: ` +
        `${money(trade[5])}${trade[6] === null ? "" : `, ${result(trade)}`}`;
      if (move) {
        const around = Math.max(40, (trade[1] - trade[0]) * 0.8);
        chart.timeScale().setVisibleLogicalRange({ from: trade[0] - around, to: trade[1] + around });
        press("span", "0");
      }
      mark();
    }

    function press(kind, value) {
      for (const button of document.querySelectorAll(`button[data-${kind}]`)) {
        button.setAttribute("aria-pressed", String(button.dataset[kind] === value));
      }
    }

    function span(days) {
      const last = shown.rows.length - 1;
      if (days === 0) return select(shown.trade);
      if (days < 0) chart.timeScale().setVisibleLogicalRange({ from: 0, to: last });
      else {
        const trade = trades()[shown.trade], bars = (days * 86400) / told().step;
        const middle = trade ? (trade[0] + trade[1]) / 2 : last - bars / 2;
        chart.timeScale().setVisibleLogicalRange({ from: middle - bars / 2, to: middle + bars / 2 });
      }
      press("span", String(days));
    }

    function show() {
      press("symbol", String(shown.symbol));
      press("run", shown.run);
      shown.rows = candlesOf(told());
      const format = { type: "price", precision: told().decimals, minMove: 10 ** -told().decimals };
      for (const each of [series, path, stop]) each.applyOptions({ priceFormat: format });
      series.setData(shown.rows);
      list();
      if (trades().length) select(0);
      else {
        select(0);
        span(-1);
      }
    }

    function list() {
      const place = document.getElementById("trade-table");
      place.replaceChildren();
      if (!document.getElementById("trades").open) return;
      const table = document.createElement("table"), d = told().decimals;
      const row = (cells, tag) => {
        const line = document.createElement("tr");
        cells.forEach((text, i) => {
          const cell = document.createElement(i === 0 && tag === "td" ? "th" : tag);
          if (tag === "th") cell.scope = "col";
          else if (i === 0) cell.scope = "row";
          if (i >= 3 && i !== 6) cell.className = "n";
          cell.textContent = text;
          line.append(cell);
        });
        return line;
      };
      table.createCaption().textContent = `Trades of ${told().symbol}`;
      table.caption.className = "hidden";
      table.createTHead().append(row(["entry, UTC", "exit, UTC", "side", "entry price", "exit price", "R", "ended by", "net"], "th"));
      const body = table.createTBody();
      trades().forEach((trade, i) => {
        const line = row(
          [minute(trade[9]), minute(trade[10]), side(trade), price(trade[3], d), price(trade[4], d),
            trade[6] === null ? "–" : result(trade), data.reasons[trade[7]], money(trade[5])], "td");
        line.addEventListener("click", () => select(i));
        body.append(line);
      });
      place.append(table);
    }

    for (const button of document.querySelectorAll("button[data-symbol]")) {
      button.addEventListener("click", () => { shown.symbol = Number(button.dataset.symbol); show(); });
    }
    for (const button of document.querySelectorAll("button[data-run]")) {
      button.addEventListener("click", () => { shown.run = button.dataset.run; show(); });
    }
    for (const button of document.querySelectorAll("button[data-span]")) {
      button.addEventListener("click", () => span(Number(button.dataset.span)));
    }
    before.addEventListener("click", () => select(shown.trade - 1));
    next.addEventListener("click", () => select(shown.trade + 1));
    document.getElementById("trades").addEventListener("toggle", list);
    chart.timeScale().subscribeVisibleLogicalRangeChange(mark);
    show();
    register(chart, () => {
      const gain = colour("--gain"), loss = colour("--loss");
      series.applyOptions({ upColor: gain, borderUpColor: gain, wickUpColor: gain, downColor: loss, borderDownColor: loss, wickDownColor: loss });
      stop.applyOptions({ color: colour("--soft") });
      select(shown.trade, false);
    });
  }

  curve("chart-account", data.account, money, percent, data.halt);
  curve("chart-own", data.own, inR, inR);
  curve("chart-stitched", data.stitched, money, percent);
  candleView();
  dark.addEventListener("change", () => {
    for (const { chart, paint } of charts) {
      chart.applyOptions(looks());
      paint();
    }
  });
  // Only what scrolls needs to be reached by keyboard.
  const frames = new ResizeObserver((seen) => {
    for (const { target } of seen) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  document.querySelectorAll(".scroll").forEach((frame) => frames.observe(frame));
  document.documentElement.dataset.drawn = String(charts.length);
})();
