// The page of a terminal route: xterm.js on one side, the WebSocket below this path on the other (docs/terminals.md).
import { socket } from "./client.js";
import { FitAddon } from "./fit.mjs";
import { Unicode11Addon } from "./unicode11.mjs";
import { Terminal } from "./xterm.mjs";

const HIGH = 512 * 1024, LOW = 64 * 1024; // bytes that the emulator has not taken yet: pause above, go on below
const THEMES = {
  light: { background: "#fdfdfc", foreground: "#1d2026", cursor: "#1d2026", cursorAccent: "#fdfdfc", selectionBackground: "#b8d4f0",
           black: "#1d2026", red: "#b3232f", green: "#2f7a3b", yellow: "#8a6100", blue: "#2458b8", magenta: "#8b3a97",
           cyan: "#0f7783", white: "#6d7079", brightBlack: "#55585f", brightRed: "#c93640", brightGreen: "#3a8a47",
           brightYellow: "#9a6f00", brightBlue: "#356bd0", brightMagenta: "#9d4aaa", brightCyan: "#1c8894", brightWhite: "#3b3e45" },
  dark: { background: "#14161a", foreground: "#e6e6e3", cursor: "#e6e6e3", cursorAccent: "#14161a", selectionBackground: "#3a5478" },
};
const dark = matchMedia("(prefers-color-scheme: dark)");
const { mayType, target } = document.body.dataset;
const writes = mayType === "true", encoder = new TextEncoder(), decoder = new TextDecoder();
const [bar, status, again] = ["bar", "status", "again"].map((id) => document.getElementById(id));

const terminal = new Terminal({
  allowProposedApi: true, // unicode versions are one
  cursorBlink: writes,
  disableStdin: !writes,
  fontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
  fontSize: 14,
  macOptionIsMeta: true,
  minimumContrastRatio: 4.5,
  screenReaderMode: new URLSearchParams(location.search).has("reader"),
  scrollback: 10000,
  theme: THEMES[dark.matches ? "dark" : "light"],
});
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.loadAddon(new Unicode11Addon());
terminal.unicode.activeVersion = "11"; // widths as the hold counts them
terminal.open(document.getElementById("terminal"));
dark.addEventListener("change", () => terminal.options.theme = THEMES[dark.matches ? "dark" : "light"]);

// --- what the reader is told

let ended = "", restart = false, place = null;

function say(state, text, button = false) {
  bar.dataset.state = state;
  bar.hidden = !text;
  again.hidden = !button;
  again.textContent = state === "ended" ? "Start again" : "Try again";
  if (status.textContent !== text) status.textContent = text;
}

const REASONS = {
  "signed-out": "You are signed out.",
  forbidden: "You may not see this terminal any more.",
  refused: "There is no such terminal.",
  ended: "The connection was closed.",
};

function show(state, detail) {
  if (state === "open") {
    say("open", writes ? "" : "You are watching: what you type goes nowhere.");
  } else if (state === "stopped") {
    say("stopped", [REASONS[detail.reason], detail.text].filter(Boolean).join(" "), detail.reason !== "signed-out");
  } else if (ended) {
    say("ended", ended, writes);
  } else if (detail.status === 503 || detail.code === 4503) {
    say("waiting", `${detail.cause?.text || detail.text || "The program is not running."} Trying again …`, true);
  } else if (detail.tries || state === "waiting") {
    say("waiting", "The connection is lost. Reconnecting …", true);
  } else {
    say("connecting", "Connecting …");
  }
}
again.addEventListener("click", () => {
  restart = Boolean(ended);
  ended = "";
  link.retry();
  terminal.focus();
});

// --- sizes: this window's is asked for, the screen's is shown

let asked = "";

function measure() {
  const { cols = 0, rows = 0 } = fit.proposeDimensions() || {};
  return { columns: Math.min(Math.max(cols, 2), 1000), rows: Math.min(Math.max(rows, 1), 500) };
}

function ask() {
  const text = JSON.stringify(measure());
  if (text !== asked && writes && link.send("1" + text)) asked = text;
}

let resizing;
new ResizeObserver(() => {
  clearTimeout(resizing);
  resizing = setTimeout(ask, 80);
}).observe(document.getElementById("terminal"));

// --- messages

let waiting = 0, paused = false;

function flow(bytes) {
  waiting += bytes;
  if (!paused && waiting > HIGH) paused = link.send("2");
  if (paused && waiting < LOW) paused = !link.send("3");
}

function output(bytes) {
  flow(bytes.length);
  terminal.write(bytes, () => flow(-bytes.length));
}

const TAKERS = {
  0: output,
  1: (bytes) => document.title = decoder.decode(bytes) || target,
  2: () => {}, // preferences: ours are ours
  4(bytes) {
    const { columns, rows } = JSON.parse(decoder.decode(bytes));
    terminal.write("", () => terminal.resize(columns, rows)); // in order with what came before
  },
  5: (bytes) => place = Number(decoder.decode(bytes)),
  6(bytes) {
    const text = decoder.decode(bytes);
    ended = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
    say("ended", ended, writes);
  },
};

const base = new URL(location.pathname.endsWith("/") ? "ws" : location.pathname.split("/").pop() + "/ws", location.href);
function where() {
  const url = new URL(base);
  if (restart) url.search = "again=1";
  restart = false;
  return url;
}

const link = socket(where, {
  protocols: ["tty"],
  silence: 15000,
  alive: (link) => link.send("9"),
  state: show,
  open() {
    ended = "";
    waiting = 0;
    paused = false;
    const size = measure();
    asked = JSON.stringify(size);
    link.send(JSON.stringify({ AuthToken: "", ...size, reeve: true }));
  },
  message(data) {
    const bytes = typeof data === "string" ? encoder.encode(data) : new Uint8Array(data);
    TAKERS[String.fromCharCode(bytes[0])]?.(bytes.subarray(1));
  },
});

function type(bytes) {
  const message = new Uint8Array(bytes.length + 1);
  message[0] = "0".charCodeAt(0);
  message.set(bytes, 1);
  link.send(message);
}
terminal.onData((text) => type(encoder.encode(text)));
terminal.onBinary((text) => type(Uint8Array.from(text, (character) => character.charCodeAt(0))));
terminal.focus();

globalThis.reeve = { terminal, link, get place() { return place; } }; // for scripts and curious people
