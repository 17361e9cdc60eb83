// compare.js DRIVER: jobs on stdin, a JSON line each; for each one a JSON line of what differed.
//
// A job: {columns, rows, scrollback, input (a file), cuts (ascending offsets), live, kept, follow}. At each cut the driver's
// snapshot goes to a new emulator, which must then be like the one that was fed everything up to there, and still be
// after the bytes up to the next cut, unless that is more than `follow` bytes away; `kept` others, from cuts before,
// as well.
const {spawn} = require("node:child_process");
const fs = require("node:fs");
const readline = require("node:readline");
const {Emulator} = require("./emulator.js");

class Driver {
  constructor(program) {
    this.process = spawn(program, {stdio: ["pipe", "pipe", "inherit"]});
    this.received = Buffer.alloc(0);
    this.waiting = null;
    this.process.stdout.on("data", bytes => { this.received = Buffer.concat([this.received, bytes]); this.look(); });
    this.process.on("exit", code => { if (code) { console.error(`driver: exit ${code}`); process.exit(1); } });
  }

  look() {
    if (!this.waiting || this.received.length < 4) return;
    const size = this.received.readUInt32LE(0);
    if (this.received.length < 4 + size) return;
    const bytes = this.received.subarray(4, 4 + size), done = this.waiting;
    this.received = this.received.subarray(4 + size);
    this.waiting = null;
    done(bytes);
  }

  send(command, ...numbers) {
    const bytes = Buffer.alloc(numbers.reduce((sum, [, size]) => sum + size, 1));
    bytes.write(command, 0);
    let at = 1;
    for (const [value, size] of numbers) { bytes.writeUIntLE(value, at, size); at += size; }
    this.process.stdin.write(bytes);
  }

  begin(job) { this.send("N", [job.columns, 2], [job.rows, 2], [job.scrollback, 4], [job.live ? 1 : 0, 2]); }
  feed(bytes) { this.send("F", [bytes.length, 4]); this.process.stdin.write(bytes); }
  ask(command) { this.send(command); return new Promise(done => { this.waiting = done; this.look(); }); }
}

async function run(driver, job) {
  const input = fs.readFileSync(job.input), found = [];
  const whole = new Emulator(job.columns, job.rows, job.scrollback), others = [];
  const tell = (at, from, difference) => { if (difference) found.push({at, from, difference}); };
  driver.begin(job);
  let place = 0;
  for (const cut of [...job.cuts, input.length]) {
    const bytes = input.subarray(place, cut);
    whole.write(bytes);
    if (bytes.length > job.follow) others.length = 0;
    driver.feed(bytes);
    const live = job.live ? Buffer.from(await driver.ask("L")) : bytes;
    for (const {emulator, from} of others) {
      emulator.write(live);
      tell(cut, from, whole.difference(emulator));
    }
    if (found.length > 5) break;
    const emulator = new Emulator(job.columns, job.rows, job.scrollback);
    emulator.write(Buffer.from(await driver.ask("S")));
    tell(cut, cut, whole.difference(emulator));
    others.push({emulator, from: cut});
    if (others.length > 1 + job.kept) others.splice(place % (others.length - 1), 1);
    place = cut;
  }
  return {name: job.name, cuts: job.cuts.length, found};
}

async function main() {
  const driver = new Driver(process.argv[2]);
  for await (const line of readline.createInterface({input: process.stdin}))
    console.log(JSON.stringify(await run(driver, JSON.parse(line))));
  driver.process.stdin.end();
}

main();
