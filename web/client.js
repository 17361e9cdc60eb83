// The browser's end of reeve's WebSockets and event streams: they come back by themselves. See docs/client.md.

const DEFAULTS = { first: 500, most: 30000, steady: 5000, patience: 5000, silence: 0 };
const TICK = 2000, SLEPT = 90000; // background tabs tick once a minute
const links = new Set();
let ticked = Date.now(), ticking;

function tick(doubtful) {
  const now = Date.now(), slept = now - ticked > SLEPT;
  ticked = now;
  for (const link of links) link.look(now, slept || doubtful, slept || doubtful !== undefined);
}
for (const [target, name, doubtful] of [[globalThis, "online", true], [globalThis, "pageshow", false],
                                        [globalThis.document, "visibilitychange", false], [globalThis.document, "resume", true]])
  target?.addEventListener?.(name, () => globalThis.document?.hidden || tick(doubtful));

// What a page's own function throws is the page's trouble, not the stream's.
function call(target, name, ...given) {
  try {
    target[name]?.(...given);
  } catch (error) {
    globalThis.reportError ? reportError(error) : console.error(error);
  }
}

// One lasting connection. dial(end) opens one and gives a function that drops it; it tells end.open(), end.heard(data?)
// and at last end.over(why): {stop} for good, {wait} ms until the next, {least} doublings of the first wait.
function lasting(options, dial) {
  let drop, timer, doubt, tries = 0, due = 0, named, dialled = 0, opened, heard, last = 0, data;
  const link = { state: "", first: options.first, look, retry: connect, stop };

  function tell(state, detail = {}) {
    link.state = state;
    call(options, "state", state, detail);
  }

  function connect() {
    hang();
    links.add(link);
    ticking ??= setInterval(tick, TICK);
    dialled = Date.now();
    opened = heard = data = 0;
    const end = Object.fromEntries(Object.entries({
      open() {
        opened = last = Date.now();
        tell("open");
      },
      heard(isData) {
        last = Date.now();
        data ||= isData;
        clearTimeout(doubt);
        doubt = 0;
      },
      over,
    }).map(([name, action]) => [name, (given) => drop === mine && action(given)]));
    let hold;
    const mine = drop = () => hold?.();
    tell("connecting", { tries });
    if (drop === mine) hold = dial(end); // the page may have stopped it
  }

  // Nothing of the last connection is heard from here on.
  function hang() {
    const held = drop;
    drop = undefined;
    clearTimeout(timer);
    clearTimeout(doubt);
    timer = doubt = 0;
    if (opened && data && Date.now() - opened >= options.steady) tries = 0; // not before it has proved itself
    held?.();
  }

  function over(why) {
    hang();
    if (why.stop) return stop(why.stop, why);
    named = why.wait >= 0;
    const backoff = Math.min(options.most, link.first * 2 ** Math.max(named ? 0 : tries++, why.least || 0));
    const wait = named ? Math.max(why.wait, link.first) + Math.random() * Math.max(500, why.wait / 4)
      : backoff * (0.5 + Math.random() / 2);
    due = Date.now() + wait;
    timer = setTimeout(connect, Math.min(wait, 2 ** 31 - 1));
    tell("waiting", { ...why, wait, tries });
  }

  function stop(reason = "closed", why = {}) {
    hang();
    links.delete(link);
    if (!links.size) ticking = clearInterval(ticking);
    if (link.state !== "stopped") tell("stopped", { ...why, reason });
    if (reason === "signed-out") {
      const page = "/_reeve/login?next=" + encodeURIComponent(location.pathname + location.search);
      options.signIn ? call(options, "signIn", page) : location.assign(page);
    }
  }

  // Awake: one's own wait is over at once, one that reeve named when it is due; an open connection has to prove itself.
  function look(now, doubtful, awake) {
    if (timer) {
      if (now >= due || (awake && !named && now - dialled > 1000)) connect();
    } else if (opened) {
      if (!doubt && (doubtful || (options.silence && now - last > options.silence))) {
        doubt = setTimeout(connect, options.patience);
        call(options, "alive");
      }
    } else if (doubtful && now - dialled > options.patience) {
      connect();
    }
  }

  return link;
}

// What an answer other than the stream itself means. `whole`: any 4xx is meant for us, not only reeve's own words.
async function meaning(answer, whole) {
  const { status } = answer, after = answer.headers.get("retry-after");
  const problem = (answer.headers.get("content-type") || "").includes("problem+json") && await answer.json().catch(() => 0) || {};
  const why = { status, text: problem.detail || problem.title, cause: problem.cause };
  if (whole || String(problem.type).startsWith("urn:reeve:")) {
    if (status === 401) why.stop = "signed-out";
    else if (status === 403) why.stop = "forbidden";
    else if (status === 204) why.stop = "ended";
    else if (status < 500 && ![408, 425, 426, 429].includes(status)) why.stop = "refused"; // 426: it is there
  }
  const seconds = after && (isNaN(after) ? (Date.parse(after) - Date.now()) / 1000 : +after);
  if (seconds >= 0 && after) why.wait = seconds * 1000;
  return why;
}

// A browser does not tell why a handshake was refused; the same address, asked plainly, does.
async function probe(url) {
  const abort = new AbortController(), late = setTimeout(() => abort.abort(), 10000);
  try {
    const own = url.origin === globalThis.location?.origin && { "x-reeve-probe": "1" }; // elsewhere it would need leave
    return await meaning(await fetch(url, { headers: { accept: "application/problem+json", ...own }, redirect: "manual",
                                            credentials: "include", cache: "no-store", signal: abort.signal }));
  } catch {
    return {}; // nobody there
  } finally {
    clearTimeout(late);
    abort.abort();
  }
}

const STOPS = { 1000: "ended", 4401: "signed-out", 4403: "forbidden" };

export function socket(url, given = {}) {
  const options = { binaryType: "arraybuffer", ...DEFAULTS, ...given };
  let current;

  const link = lasting({ ...options, alive: () => call(options, "alive", handle) }, (end) => {
    const http = new URL(typeof url === "function" ? url() : url, globalThis.location?.href), ws = new URL(http);
    http.protocol = http.protocol.replace("ws", "http");
    ws.protocol = ws.protocol.replace("http", "ws");
    const mine = current = new WebSocket(ws, options.protocols || []);
    let opened;
    mine.binaryType = options.binaryType;
    mine.onopen = () => {
      opened = true;
      end.open();
      if (current === mine) call(options, "open", handle);
    };
    mine.onmessage = (event) => {
      end.heard(true);
      if (current === mine) call(options, "message", event.data, handle);
    };
    mine.onclose = async ({ code, reason }) => {
      const why = !opened || code === 4503 ? await probe(http) : {};
      end.over({ stop: STOPS[code], least: code === 1013 ? 3 : 0, ...why, code, text: why.text || reason });
    };
    return () => {
      if (current === mine) current = undefined;
      mine.onopen = mine.onmessage = mine.onclose = null;
      mine.close();
    };
  });

  const handle = {
    get state() { return link.state; },
    get pending() { return current?.bufferedAmount || 0; },
    get protocol() { return current?.protocol || ""; },
    send(data) {
      const open = current?.readyState === 1;
      if (open) current.send(data);
      return open;
    },
    retry: link.retry,
    close: () => link.stop(),
  };
  link.retry();
  return handle;
}

// Lines of an event stream (WHATWG HTML §9.2.6), fed in pieces; take(name, data, id) gets each event.
function parser(link, take) {
  let tail = "", cr, data, name = "", id = "";
  function line(text) {
    const colon = text.indexOf(":"), field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1);
    if (!text) {
      take(data === undefined ? null : name || "message", data, id);
      data = undefined;
      name = "";
    } else if (field === "data") data = data === undefined ? value : data + "\n" + value;
    else if (field === "event") name = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) link.first = +value;
  }
  return {
    start: (last) => id = last,
    feed(text) {
      if (cr && text[0] === "\n") text = text.slice(1);
      if (text) cr = text.endsWith("\r");
      const lines = text.split(/\r\n|\n|\r/);
      lines[0] = tail + lines[0];
      tail = lines.pop();
      lines.forEach(line);
    },
  };
}

export function events(url, given = {}) {
  const options = { lastId: "", ...DEFAULTS, ...given };
  let lastId = options.lastId;

  const link = lasting({ ...options, alive: () => call(options, "alive", handle) }, (end) => {
    const abort = new AbortController();
    let why, live = true;
    const lines = parser(link, (name, data, id) => {
      if (!live || why) return;
      lastId = id;
      if (name === null) return;
      if (!options.plain) why = own(name, data);
      if (!why) end.heard(true);
      call(options, name === "message" ? "message" : "event", ...(name === "message" ? [data, id] : [name, data, id]));
    });
    async function read() {
      const answer = await fetch(url, { credentials: "include", cache: "no-store", ...options.fetch, signal: abort.signal, headers: {
        ...options.fetch?.headers, accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) } });
      const isStream = (answer.headers.get("content-type") || "").startsWith("text/event-stream");
      if (answer.status !== 200 || !isStream)
        return answer.ok && answer.status !== 204 ? { stop: "refused", status: answer.status } : meaning(answer, true);
      end.open();
      const reader = answer.body.getReader(), decoder = new TextDecoder();
      lines.start(lastId);
      for (let piece; !why && live && !(piece = await reader.read()).done;) {
        end.heard();
        lines.feed(decoder.decode(piece.value, { stream: true }));
      }
      return why || {};
    }
    read().catch(() => ({})).then((why) => {
      end.over(why);
      abort.abort();
    });
    return () => {
      live = false;
      abort.abort();
    };
  });

  // reeve's own words in the stream.
  function own(name, data) {
    let told = {};
    try {
      told = JSON.parse(data);
    } catch { /* somebody else's event of that name */ }
    if (name === "bye") return { wait: told.retry_ms || 0 };
    if (name === "auth") return { stop: told.reason === "forbidden" ? "forbidden" : "signed-out" };
    if (name === "end") return { stop: "ended", cause: told.cause, target: told };
  }

  const handle = {
    get state() { return link.state; },
    get lastId() { return lastId; },
    retry: link.retry,
    close: () => link.stop(),
  };
  link.retry();
  return handle;
}
