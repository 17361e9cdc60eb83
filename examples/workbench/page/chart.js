// A chart of shares (0 to 1) over the last minute, on a canvas, without a library.
const SPAN_MS = 60_000;

export function chart(canvas, series) {
  const points = []; // {time, values}, oldest first

  function fit() {
    const scale = devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    return pen;
  }

  function trace(pen, at, width, height, now) {
    pen.beginPath();
    for (const { time, values } of points) {
      pen.lineTo(width * (1 - (now - time) / SPAN_MS), (height - 2) * (1 - values[at]) + 1);
    }
  }

  function draw() {
    const pen = fit(), style = getComputedStyle(canvas), width = canvas.clientWidth, height = canvas.clientHeight;
    const now = Date.now();
    pen.strokeStyle = style.getPropertyValue("--line");
    for (const share of [0.25, 0.5, 0.75]) {
      pen.beginPath();
      pen.moveTo(0, height * share);
      pen.lineTo(width, height * share);
      pen.stroke();
    }
    series.forEach((name, at) => {
      pen.strokeStyle = pen.fillStyle = style.getPropertyValue(`--${name}`);
      pen.lineWidth = 1.6;
      trace(pen, at, width, height, now);
      pen.stroke();
      if (at > 0 || !points.length) return;
      pen.lineTo(width * (1 - (now - points.at(-1).time) / SPAN_MS), height);
      pen.lineTo(width * (1 - (now - points[0].time) / SPAN_MS), height);
      pen.globalAlpha = 0.14;
      pen.fill();
      pen.globalAlpha = 1;
    });
  }

  return {
    add(time, values) {
      points.push({ time, values });
      while (points.length && points[0].time < Date.now() - SPAN_MS) points.shift();
    },
    clear: () => { points.length = 0; },
    draw,
  };
}
