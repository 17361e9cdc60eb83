// Asks the API once a second how it is; what comes back while it is down is reeve's own answer.
import { describe } from "./problem.js";

const PERIOD_MS = 1000;

export function watchApi({ up, down }) {
  async function ask() {
    try {
      const response = await fetch("api/status", { cache: "no-store" });
      if (response.ok) up(await response.json());
      else down(await describe(response));
    } catch {
      down("the door does not answer: is reeve running?");
    }
    setTimeout(ask, PERIOD_MS);
  }
  ask();
}

export async function killApi() {
  try {
    await fetch("api/kill", { method: "POST" });
  } catch {
    // It died before its answer was out: that is what was asked for.
  }
}
