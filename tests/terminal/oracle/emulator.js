// xterm.js without a browser, and all of its state that a snapshot has to give back, as one comparable value.
const {Terminal} = require("@xterm/headless");
const {Unicode11Addon} = require("@xterm/addon-unicode11");

const COLOUR = 0x3ffffff, FLAGS = 0x7c000000, INVERSE_AND_MORE = 0xec000000, UNDERLINED = 0x10000000;
const ITALIC_AND_MORE = 0x6c000000, STYLED = 0x10000000;

const PIECE = 65536;

// What was erased at the end of a row while the next character would wrap comes back as a space, which may have moved.
const SPACES = 4;

// How much of the bytes does not end within a character of UTF-8.
function wholeCharacters(bytes) {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if (byte >= 0xc0) return byte >= (back === 1 ? 0xc0 : back === 2 ? 0xe0 : 0xf0) ? bytes.length - back : bytes.length;
    if (byte < 0x80) break;
  }
  return bytes.length;
}

class Emulator {
  constructor(columns, rows, scrollback) {
    this.terminal = new Terminal({cols: columns, rows, scrollback, allowProposedApi: true, logLevel: "off"});
    this.terminal.loadAddon(new Unicode11Addon());
    this.terminal.unicode.activeVersion = "11";
    this.core = this.terminal._core;
    this.core._logService.warn = () => {};
    this.rest = Buffer.alloc(0);
    this.title = "";
    this.terminal.onTitleChange(title => { this.title = title; });
  }

  // Only whole characters: its decoder forgets a second byte of 0x80 when a piece ends behind it ("…" is e2 80 a6).
  write(bytes) {
    bytes = Buffer.concat([this.rest, bytes]);
    const end = wholeCharacters(bytes);
    this.rest = bytes.subarray(end);
    for (let at = 0; at < end;) {
      const next = at + PIECE < end ? at + wholeCharacters(bytes.subarray(at, at + PIECE)) : end;
      this.core.writeSync(bytes.subarray(at, next));
      at = next;
    }
  }

  get buffers() { return this.core._bufferService.buffers; }
  get isAlternate() { return this.buffers.active === this.buffers.alt; }

  // Without what is left of an earlier one.
  static colour(value) {
    const kind = value & 0x3000000;
    return kind === 0 ? 0 : kind === 0x3000000 ? value & COLOUR : value & 0x30000ff;
  }

  // The attributes that show: [fg and flags, bg and flags, underline style, underline colour]
  static look(fg, bg, extended) {
    const style = fg & UNDERLINED ? (bg & STYLED ? (extended ? extended.underlineStyle : 0) : 1) : 0;
    const colour = style && extended ? extended.underlineColor : 0;
    return [Emulator.colour(fg) | fg & INVERSE_AND_MORE, Emulator.colour(bg) | bg & ITALIC_AND_MORE, style,
            Emulator.colour(colour)];
  }

  static isPlain(line) {
    const data = line._data, length = line.length * 3;
    for (let i = 0; i < length; i += 3) if (data[i] & 0x200000 || data[i + 2] & STYLED) return false;
    return true;
  }

  // One cell as text. An empty cell with more than a background is a space to a snapshot, and half of a wide
  // character that lost the other half is an empty cell.
  static cell(line, x) {
    const content = line._data[x * 3], fg = line._data[x * 3 + 1], bg = line._data[x * 3 + 2];
    let chars = line.getString(x), width = content >>> 22;
    const stub = width === 0 && !(content & 0x3fffff);
    if (stub && x > 0 && line.getWidth(x - 1) === 2) return "second half";
    const look = Emulator.look(fg, bg, bg & STYLED ? line._extendedAttrs[x] : undefined);
    if (stub) width = 1;
    if (chars === "" && (look[0] || look[1] & ~COLOUR || look[2] || stub)) chars = " ";
    return JSON.stringify([chars, width, ...look]);
  }

  static sameLine(a, b, spaces) {
    if (a.isWrapped !== b.isWrapped) return "wrapped";
    if (a.length === b.length && Emulator.isPlain(a) && Emulator.isPlain(b)) {
      const length = a.length * 3;
      let i = 0;
      while (i < length && a._data[i] === b._data[i]) i++;
      if (i >= length) return null;
    }
    for (let x = 0; x < a.length; x++) {
      const one = Emulator.cell(a, x), other = Emulator.cell(b, x);
      if (one !== other && !(one.replace('[""', '[" "') === other.replace('[""', '[" "') && spaces.left-- > 0))
        return `column ${x}: ${one} / ${other}`;
    }
    return null;
  }

  saved(buffer) {
    return {x: Math.min(buffer.savedX, this.terminal.cols - 1), y: buffer.savedY - buffer.ybase,
            look: Emulator.look(buffer.savedCurAttrData.fg & ~UNDERLINED, buffer.savedCurAttrData.bg),
            charset: buffer.savedCharset};
  }

  page(buffer) {
    return {top: buffer.scrollTop, bottom: buffer.scrollBottom, saved: this.saved(buffer),
            stops: Object.keys(buffer.tabs).filter(x => +x < this.terminal.cols && buffer.tabs[x])};
  }

  state() {
    const core = this.core, buffer = this.buffers.active, pen = core._inputHandler._curAttrData;
    const parser = core._inputHandler._parser, options = core.optionsService.rawOptions;
    return {
      alternate: this.isAlternate, x: Math.min(buffer.x, this.terminal.cols), y: buffer.y,
      pen: Emulator.look(pen.fg, pen.bg, pen.extended), protected: pen.bg & 0x20000000,
      join: parser.currentState === 0 ? parser.precedingJoinState >> 1 & 3 : null, // null: within a sequence
      normal: this.page(this.buffers.normal), lines: this.buffers.normal.lines.length,
      alternatePage: this.isAlternate ? this.page(this.buffers.alt) : this.saved(this.buffers.alt),
      modes: core.coreService.modes, private: core.coreService.decPrivateModes, hidden: core.coreService.isCursorHidden,
      blink: options.cursorBlink, newline: options.convertEol, mouse: core.coreMouseService.activeProtocol,
      encoding: core.coreMouseService.activeEncoding, level: core._charsetService.glevel,
      charset: core._charsetService.charset || null, sets: [0, 1, 2, 3].map(i => core._charsetService._charsets[i] || null),
    };
  }

  // What differs first, as text; null: nothing.
  difference(other) {
    const one = this.state(), two = other.state();
    for (const key of Object.keys(one)) {
      const [a, b] = [JSON.stringify(one[key]), JSON.stringify(two[key])];
      if (a !== b && !(key === "join" && (one.join === null || two.join === null))) return `${key}: ${a} / ${b}`;
    }
    const spaces = {left: SPACES};
    for (const name of this.isAlternate ? ["normal", "alt"] : ["normal"]) {
      const buffer = this.buffers[name], lines = buffer.lines, others = other.buffers[name].lines;
      for (let y = 0; y < lines.length; y++) {
        const found = Emulator.sameLine(lines.get(y), others.get(y), spaces);
        if (found) return `${name} line ${y - buffer.ybase}: ${found}`;
      }
    }
    return null;
  }
}

module.exports = {Emulator};
