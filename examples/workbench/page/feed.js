// The feed over a WebSocket. The back-off is reset by data, not by `open`: an open socket proves little.
import { describe } from "./problem.js";

const FIRST_MS = 250, MOST_MS = 8000;

// A failed WebSocket tells a script nothing, so the same address is asked over HTTP for the reason.
async function reason() {
  try {
    const response = await fetch("feed", { cache: "no-store" });
    return response.status === 503 || response.status === 502 ? await describe(response) : "the connection was lost";
  } catch {
    return "the door does not answer: is reeve running?";
  }
}

export function watchFeed({ dialing, message, down }) {
  let wait = FIRST_MS, dials = 0;
  function dial() {
    dialing(++dials);
    const socket = new WebSocket(new URL("feed", location.href.replace(/^http/, "ws")));
    socket.onmessage = (event) => {
      wait = FIRST_MS;
      message(JSON.parse(event.data));
    };
    socket.onclose = async () => {
      down(await reason());
      setTimeout(dial, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, MOST_MS);
    };
  }
  dial();
}
