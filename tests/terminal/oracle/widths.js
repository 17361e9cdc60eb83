// The width of every character in xterm.js: a JSON list of [first code point, width] where it changes, first of its
// Unicode 11 widths, then of its own.
const {Emulator} = require("./emulator.js");

const unicode = new Emulator(80, 24, 0).terminal._core.unicodeService;
for (const version of ["11", "6"]) {
  unicode.activeVersion = version;
  const changes = [];
  for (let code = 0xa0, before = -1; code <= 0x10ffff; code++) {
    const width = unicode.wcwidth(code);
    if (width !== before) changes.push([code, width]);
    before = width;
  }
  console.log(JSON.stringify(changes));
}
