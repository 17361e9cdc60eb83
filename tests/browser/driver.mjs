// Drives Chromium for the tests: node driver.mjs PLAYWRIGHT. One call per line on stdin, {page, call, arguments};
// one answer per line on stdout, {result} or {trouble}. At the end of stdin the browser is closed.
import readline from "node:readline";

const { chromium } = await import(process.argv[2]);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  chromiumSandbox: false, // it refuses to run as root with one
  args: ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update"],
});
const pages = new Map();

async function open(options) {
  const page = await (await browser.newContext(options)).newPage();
  page.setDefaultTimeout(120000); // a busy machine is no fault of the page's
  const told = [];
  page.on("console", (message) => told.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => told.push(`uncaught: ${error.message}`));
  return { page, told };
}

async function answer({ page: name, call, arguments: given }) {
  if (call === "open") {
    pages.set(name, await open(given[0]));
    return;
  }
  const { page, told } = pages.get(name);
  if (call === "told") return told;
  if (call === "cookies") return page.context().cookies();
  if (call === "leave") {
    pages.delete(name);
    return page.context().close();
  }
  const result = await page[call](...given);
  return call === "evaluate" || typeof result !== "object" ? result : null; // handles and responses stay here
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const reply = await answer(JSON.parse(line)).then((result) => ({ result }), (error) => ({ trouble: error.message }));
  process.stdout.write(JSON.stringify(reply) + "\n");
}
await browser.close();
