// One client for both implementations: API, WebSocket, jobs and their event streams.
const show = (id, text) => document.getElementById(id).append(text + "\n");

const whoami = await fetch("api/whoami");
document.getElementById("api").textContent = whoami.ok ? `pid ${(await whoami.json()).pid}` : `${whoami.status}`;

const socket = new WebSocket(new URL("terminal/ws", location.href.replace(/^http/, "ws")), "tty");
socket.onmessage = (event) => show("terminal", event.data);
socket.onclose = (event) => show("terminal", `closed: ${event.code} ${event.reason}`);
document.getElementById("say").onsubmit = (event) => {
  event.preventDefault();
  socket.send(event.target.text.value);
  event.target.reset();
};

document.getElementById("start").onclick = async () => {
  const id = `page-${Date.now()}`;
  const made = await fetch("instances", {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ id, lines: 10, every: 0.5 }),
  });
  if (!made.ok) return show("events", `${made.status}: ${await made.text()}`);
  const events = new EventSource(`instances/${id}/events`);
  events.onmessage = (event) => show("events", event.data);
  events.addEventListener("end", (event) => show("events", `end: ${event.data}`));
};
