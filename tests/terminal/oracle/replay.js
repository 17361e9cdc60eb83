// replay.js FILE: whether each snapshot of a hold, and what its viewer got behind it, is the screen of the bytes.
//
// The file: JSON {columns, rows, scrollback, input (a file), cuts: [{place, snapshot, live}]}, bytes in base64. At each
// place a new emulator that gets the snapshot must be like the one that got all bytes up to there; and at the next
// place again, with what came live. Prints a JSON list of what differed.
const fs = require("node:fs");
const {Emulator} = require("./emulator.js");

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8")), input = fs.readFileSync(job.input), found = [];
const whole = new Emulator(job.columns, job.rows, job.scrollback);
let place = 0, before = null;

for (const cut of job.cuts) {
  whole.write(input.subarray(place, cut.place));
  if (before) {
    before.emulator.write(Buffer.from(before.live, "base64"));
    const difference = whole.difference(before.emulator);
    if (difference) found.push({at: cut.place, from: before.place, difference});
  }
  const emulator = new Emulator(job.columns, job.rows, job.scrollback);
  emulator.write(Buffer.from(cut.snapshot, "base64"));
  const difference = whole.difference(emulator);
  if (difference) found.push({at: cut.place, from: cut.place, difference});
  before = {emulator, live: cut.live, place: cut.place};
  place = cut.place;
}
console.log(JSON.stringify(found));
