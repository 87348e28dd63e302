// What changed, told by the server as it happens. A lost line is opened again, later and later.

const PAUSES_MS = [500, 1000, 2000, 5000, 10_000];

/** Listen to the server's events.
 *
 * `onChange(kinds)` is told what changed, null when anything may have;
 * `onState("live" | "lost")` how the line is. The answer ends it.
 */
export function listen(address, { onChange, onState }) {
  let source = null;
  let timer = 0;
  let losses = 0;
  let isOver = false;

  function open() {
    source = new EventSource(address);
    source.onopen = () => {
      onChange(null); // what came between the first answers and this line was told to nobody
      losses = 0;
      onState("live");
    };
    source.addEventListener("changed", (event) => onChange(kindsOf(event.data)));
    source.onerror = () => {
      source.close();
      if (isOver) return;
      onState("lost");
      timer = setTimeout(open, PAUSES_MS[Math.min(losses, PAUSES_MS.length - 1)]);
      losses += 1;
    };
  }

  open();
  return () => {
    isOver = true;
    clearTimeout(timer);
    source.close();
  };
}

function kindsOf(text) {
  try {
    return new Set(JSON.parse(text).kinds);
  } catch {
    return null;
  }
}
