// The workbench's page: two cards, and a history of what happened to the processes behind them.
import { watchApi, killApi } from "./api.js";
import { watchFeed } from "./feed.js";

const LINES = 8, HISTORY = 200;

function card(id) {
  const root = document.getElementById(id);
  let pid = null, state = "";
  return {
    root,
    set(name, value) {
      root.querySelector(`[data-is="${name}"]`).textContent = value;
    },
    // One of "up", "waiting", "down"; `trouble` is what reeve (or the network) said.
    show(next, trouble = "") {
      root.classList.remove("up", "waiting", "down");
      root.classList.add(next);
      const place = root.querySelector(".trouble");
      place.hidden = !trouble;
      place.textContent = trouble;
      if (next !== state && next === "down") tell(`${id} is down: ${trouble}`);
      state = next;
    },
    identify(seen) {
      if (pid !== null && pid !== seen) tell(`${id} came back: pid ${pid} → ${seen}`);
      if (pid === null) tell(`${id} answers as pid ${seen}`);
      pid = seen;
      this.set("pid", seen);
    },
  };
}

function tell(text) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString();
  item.append(time, text);
  const list = document.querySelector(".history");
  list.prepend(item);
  while (list.children.length > HISTORY) list.lastChild.remove();
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
}

const api = card("api"), kill = document.getElementById("kill");

watchApi({
  up(status) {
    api.identify(status.pid);
    api.set("uptime", duration(status.uptime));
    api.set("served", status.served);
    api.show("up");
    kill.disabled = false;
  },
  down(trouble) {
    api.show("down", trouble);
    kill.disabled = true;
  },
});

kill.addEventListener("click", async () => {
  kill.disabled = true;
  tell("asked the API to kill itself");
  await killApi();
});

const feed = card("feed"), lines = feed.root.querySelector(".lines");

watchFeed({
  dialing(count) {
    feed.set("dials", count);
  },
  message({ pid, uptime, lines: fresh }) {
    feed.identify(pid);
    feed.set("uptime", duration(uptime));
    feed.show("up");
    for (const line of fresh) {
      const item = document.createElement("li");
      item.textContent = line;
      lines.append(item);
    }
    while (lines.children.length > LINES) lines.firstChild.remove();
  },
  down(trouble) {
    feed.show("down", trouble);
  },
});
