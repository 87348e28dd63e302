// The charts: drawn by the vendored library, coloured by the style sheet, told again in place.

import { language } from "./i18n.js";
import { clock, day, minute, money } from "./format.js";
import { colour, onTheme } from "./theme.js";

const library = () => window.LightweightCharts;
const at = (ms) => Math.floor(ms / 1000);

function looks() {
  const line = colour("--line");
  const label = colour("--accent");
  return {
    layout: {
      background: { type: "solid", color: "transparent" },
      textColor: colour("--soft"),
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 12,
    },
    grid: { vertLines: { color: colour("--line", 0.5) }, horzLines: { color: colour("--line", 0.5) } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line },
    crosshair: { horzLine: { labelBackgroundColor: label }, vertLine: { labelBackgroundColor: label } },
  };
}

function created(box, more) {
  return library().createChart(box, {
    autoSize: true,
    layout: { attributionLogo: false }, // inline style; named at the foot of every page instead
    handleScroll: { vertTouchDrag: false, mouseWheel: false },
    handleScale: { mouseWheel: false },
    localization: {
      locale: language(),
      timeFormatter: (seconds) => minute(seconds * 1000),
    },
    timeScale: {
      timeVisible: true,
      secondsVisible: false,
      minBarSpacing: 0.01,
      tickMarkFormatter: (seconds, kind) => marked(seconds * 1000, kind),
    },
    ...more,
  });
}

/** A mark of the time axis. `kind`: a new year 0, month 1, day 2, else a time of the day. */
function marked(ms, kind) {
  return kind === 0 ? day(ms).slice(0, 4) : kind < 3 ? day(ms).slice(5) : clock(ms);
}

/** A chart in `box`; `draw` colours it anew when the theme changes. */
function kept(chart, paint) {
  const repaint = () => {
    chart.applyOptions(looks());
    paint();
  };
  repaint();
  const stop = onTheme(repaint);
  return () => {
    stop();
    chart.remove();
  };
}

/** Equity over time, above and below where it began. `points`: [[ms, value], ...]. */
export function equityChart(box) {
  const chart = created(box, {});
  chart.applyOptions({ handleScale: false, handleScroll: false, timeScale: { fixLeftEdge: true, fixRightEdge: true } });
  const format = { type: "custom", formatter: (value) => money(value), minMove: 0.01 };
  const line = chart.addSeries(library().BaselineSeries, { lineWidth: 2, priceLineVisible: false, priceFormat: format });
  const wallet = chart.addSeries(library().LineSeries, {
    lineWidth: 1, lineStyle: library().LineStyle.Dotted, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false, priceFormat: format,
  });
  const remove = kept(chart, () => {
    const gain = "--gain", loss = "--loss";
    line.applyOptions({
      topLineColor: colour(gain), topFillColor1: colour(gain, 0.2), topFillColor2: colour(gain, 0.02),
      bottomLineColor: colour(loss), bottomFillColor1: colour(loss, 0.02), bottomFillColor2: colour(loss, 0.18),
    });
    wallet.applyOptions({ color: colour("--soft") });
  });
  return {
    remove,
    show({ points, wallets, start }) {
      line.applyOptions({ baseValue: { type: "price", price: start } });
      line.setData(points.map(([ms, value]) => ({ time: at(ms), value })));
      wallet.setData(wallets.map(([ms, value]) => ({ time: at(ms), value })));
      chart.timeScale().fitContent();
      box.dataset.drawn = String(points.length);
    },
  };
}

const SHOWN_BARS = 160; // at first: enough to see the swings, few enough to see the candles

/** Candles with entries, exits, and the lines of stops and targets; and what the model said. */
export function candleChart(box) {
  const chart = created(box, {});
  const lib = library();
  const candles = chart.addSeries(lib.CandlestickSeries, { priceLineVisible: false });
  const marks = lib.createSeriesMarkers(candles, []);
  const lines = [];
  let paint = () => {};
  let shownBars = 0;
  const remove = kept(chart, () => paint());

  function draw({ bars, trades, levels, digits }) {
    const gain = colour("--gain"), loss = colour("--loss"), accent = colour("--accent");
    candles.applyOptions({ upColor: gain, borderUpColor: gain, wickUpColor: gain, downColor: loss, borderDownColor: loss, wickDownColor: loss });
    const text = { type: "price", precision: digits, minMove: 10 ** -digits };
    candles.applyOptions({ priceFormat: text });
    marks.setMarkers(trades.flatMap((trade) => markersOf(trade, { accent, gain, loss })).sort((a, b) => a.time - b.time));
    lines.splice(0).forEach((line) => chart.removeSeries(line));
    const quiet = { priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false, priceFormat: text };
    const last = bars.length ? at(bars[bars.length - 1].at_ms) : 0;
    for (const { from_ms, to_ms, value, kind, isOpen } of levels) {
      const from = at(from_ms), to = to_ms === null ? last : at(to_ms);
      if (to <= from || Number.isNaN(value)) continue;
      const tone = { stop: loss, target: gain, entry: accent }[kind];
      const line = chart.addSeries(lib.LineSeries, {
        ...quiet, color: tone, lineWidth: isOpen ? 2 : 1, lineStyle: kind === "entry" ? lib.LineStyle.Dotted : lib.LineStyle.Dashed,
        autoscaleInfoProvider: isOpen ? undefined : () => null,
      });
      line.setData([{ time: from, value }, { time: to, value }]);
      lines.push(line);
    }
  }

  return {
    remove,
    show(told) {
      paint = () => draw(told);
      candles.setData(told.bars.map((bar) => ({ time: at(bar.at_ms), open: bar.open, high: bar.high, low: bar.low, close: bar.close })));
      paint();
      if (shownBars === 0 && told.bars.length) {
        chart.timeScale().setVisibleLogicalRange({ from: Math.max(-0.5, told.bars.length - SHOWN_BARS), to: told.bars.length + 4 });
      }
      shownBars = told.bars.length;
      box.dataset.drawn = String(shownBars);
    },
    /** Move to a moment. */
    look(index) {
      chart.timeScale().setVisibleLogicalRange({ from: index - SHOWN_BARS / 3, to: index + SHOWN_BARS / 3 });
    },
    onPick(listener) {
      chart.subscribeClick((seen) => seen.time && listener(Number(seen.time) * 1000));
    },
  };
}

function markersOf(trade, tones) {
  const isLong = trade.side === "long";
  const made = [{
    time: at(trade.entry_ms), position: isLong ? "belowBar" : "aboveBar",
    shape: isLong ? "arrowUp" : "arrowDown", color: tones.accent, text: isLong ? "L" : "S",
  }];
  if (trade.exit_ms !== null) {
    made.push({
      time: at(trade.exit_ms), position: isLong ? "aboveBar" : "belowBar", shape: "circle",
      color: Number(trade.net) > 0 ? tones.gain : tones.loss, text: money(trade.net, { sign: true }),
    });
  }
  return made;
}
