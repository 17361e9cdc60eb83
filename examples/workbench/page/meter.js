// The meter's lines as they are appended. EventSource comes back by itself and resumes behind the last id.
import { tell } from "./card.js";
import { chart } from "./chart.js";

const percent = (share) => `${Math.round(share * 100)} %`;

export function showMeter(card) {
  const plot = chart(card.root.querySelector("canvas"), ["cpu", "memory"]);
  let lines = 0;

  const events = new EventSource("meter");
  events.onmessage = (event) => {
    const { time, cpu, memory } = JSON.parse(event.data);
    plot.add(time * 1000, [cpu, memory]);
    card.set("cpu", percent(cpu));
    card.set("memory", percent(memory));
    card.set("lines", ++lines);
    card.set("id", event.lastEventId);
    card.show("up");
  };
  events.onerror = () => card.show("down", "the stream was interrupted; the browser dials again");
  events.addEventListener("reset", (event) => {
    tell(`the meter's file began anew: ${event.data}`);
    plot.clear();
  });
  events.addEventListener("end", (event) => card.show("down", `the meter has ended: ${event.data}`));

  (function frame() {
    plot.draw();
    requestAnimationFrame(frame);
  })();
}
