// Jobs: started through the API, which asks reeve; followed by their event streams, which come from reeve directly.
import { ask } from "./ask.js";
import { tell } from "./card.js";

const SHOWN = 6;

function jobRow(id) {
  const item = document.createElement("li");
  item.innerHTML = "<code></code><progress value=0 max=1></progress><span></span><button>Stop</button>";
  const [name, bar, text, stop] = item.children;
  name.textContent = id;
  return { item, bar, text, stop };
}

function outcome(data) {
  const { state, cause } = JSON.parse(data);
  return state === "ended" ? "done" : cause?.text ?? state;
}

function follow(id, list) {
  const { item, bar, text, stop } = jobRow(id);
  list.prepend(item);
  while (list.children.length > SHOWN) list.lastChild.remove();

  const events = new EventSource(`jobs/${id}/events`);
  events.onmessage = (event) => {
    const line = JSON.parse(event.data);
    bar.max = line.of;
    bar.value = line.step;
    text.textContent = line.text;
  };
  events.addEventListener("end", (event) => {
    events.close();
    text.textContent = outcome(event.data);
    item.classList.add(text.textContent === "done" ? "done" : "failed");
    stop.disabled = true;
    tell(`job ${id}: ${text.textContent}`);
  });
  stop.addEventListener("click", () => ask(`jobs/${id}/stop`, {}).catch((error) => tell(`job ${id}: ${error.message}`)));
}

export function showJobs(card) {
  const list = card.root.querySelector(".list");
  const known = new Set();

  function add(target) {
    const id = target.name.replace(/^job\//, "");
    if (known.has(id)) return;
    known.add(id);
    follow(id, list);
  }

  async function start(fails) {
    try {
      const target = await ask("jobs", { steps: 12, fails });
      tell(`started ${target.name}`);
      card.show("up");
      add(target);
    } catch (error) {
      card.show("down", error.message);
    }
  }

  document.getElementById("start").addEventListener("click", () => start(false));
  document.getElementById("start-failing").addEventListener("click", () => start(true));
  ask("jobs").then((targets) => {
    card.show("up");
    targets.forEach(add);
  }, (error) => card.show("down", error.message));
}
