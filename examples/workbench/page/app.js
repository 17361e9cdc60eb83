// The workbench's page: each card has its module; here they meet the page.
import { watchApi, killApi } from "./api.js";
import { card, duration, tell } from "./card.js";
import { watchFeed } from "./feed.js";
import { showJobs } from "./jobs.js";
import { showLamps } from "./lamps.js";
import { showMeter } from "./meter.js";

const LINES = 8;

const api = card("api"), kill = document.getElementById("kill"), session = document.getElementById("session");

watchApi({
  up(status) {
    api.identify(status.pid);
    api.set("uptime", duration(status.uptime));
    api.set("served", status.served);
    api.show("up");
    kill.disabled = false;
    session.hidden = !status.user;
    session.querySelector("[data-is=user]").textContent = status.user ?? "";
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

showMeter(card("meter"));
showLamps(card("lamps"));
showJobs(card("jobs"));
