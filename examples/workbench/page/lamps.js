// What the reconcile loop keeps in order: lamps that are wanted, and those that burn.
import { ask } from "./ask.js";
import { tell } from "./card.js";

const PERIOD_MS = 500;

function sentence({ lit, "put out": out }) {
  const parts = [lit.length && `lit ${lit.join(", ")}`, out.length && `put out ${out.join(", ")}`].filter(Boolean);
  return parts.join("; ") || "nothing to do";
}

export function showLamps(card) {
  const house = card.root.querySelector(".house");
  let told = 0;

  function show({ wanted, burning, pass }) {
    house.replaceChildren(...wanted.map((name) => {
      const lamp = document.createElement("li");
      lamp.textContent = name;
      lamp.classList.toggle("burns", burning.includes(name));
      return lamp;
    }));
    if (!pass) return card.show("waiting");
    card.set("age", `${Math.max(0, Date.now() / 1000 - pass.time).toFixed(1)} s`);
    card.set("done", sentence(pass));
    if (pass.time !== told && pass.lit.length && told) tell(`the loop ${sentence(pass)}`);
    told = pass.time;
    card.show("up");
  }

  async function look(path, body) {
    await ask(path, body).then(show, (error) => card.show("down", error.message));
  }

  document.getElementById("out").addEventListener("click", () => look("lamps/out", {}));
  (async function again() {
    await look("lamps");
    setTimeout(again, PERIOD_MS);
  })();
}
