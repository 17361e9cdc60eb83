// A card of the page: a lamp, named values, a place for trouble. And the history, which all of them write to.
const HISTORY = 200;

export function tell(text) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString();
  item.append(time, text);
  const list = document.querySelector(".history");
  list.prepend(item);
  while (list.children.length > HISTORY) list.lastChild.remove();
}

export function card(id) {
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

export function duration(seconds) {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
}
