// Asks the API once a second how it is; what comes back while it is down is reeve's own answer.
import { describe } from "./problem.js";

const PERIOD_MS = 1000, DOWN_PERIOD_MS = 250;

let askNow = () => {};

export function watchApi({ up, down }) {
  let timer = 0, period = PERIOD_MS;
  async function ask() {
    clearTimeout(timer);
    try {
      const response = await fetch("api/status", { cache: "no-store" });
      period = response.ok ? PERIOD_MS : DOWN_PERIOD_MS;
      if (response.ok) up(await response.json());
      else down(await describe(response));
    } catch {
      down("the door does not answer: is reeve running?");
    }
    timer = setTimeout(ask, period);
  }
  askNow = ask;
  ask();
}

export async function killApi() {
  try {
    await fetch("api/kill", { method: "POST" });
  } catch {
    // It died before its answer was out: that is what was asked for.
  }
  askNow();
}
