"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const get = (id) => document.getElementById(id);
  const last = data.frames.length - 1;
  const owners = [], versions = []; // of every frame: Map block -> number
  data.frames.forEach((frame, i) => {
    owners.push(new Map(i ? owners[i - 1] : []));
    versions.push(new Map(i ? versions[i - 1] : []));
    frame.o.forEach(([block, n]) => owners[i].set(block, n));
    frame.v.forEach(([block, n]) => versions[i].set(block, n));
  });
  const blocks = [...new Set(data.frames.flatMap((frame) => frame.o.map((one) => one[0])))].sort((a, b) => a - b);
  let bytes = null, step = data.cut, block = data.focus.length ? data.focus[0] : blocks[0];

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // --- where we are: the hash ---------------------------------------------------------------------------
  function fromHash() {
    const found = new URLSearchParams(location.hash.slice(1));
    const number = parseInt(found.get("step"), 10), wanted = parseInt(found.get("block"), 10);
    if (!Number.isNaN(number)) step = Math.min(Math.max(number, 0), last);
    if (!Number.isNaN(wanted) && blocks.includes(wanted)) block = wanted;
    else if (!Number.isNaN(number) && found.get("block") === null) follow();
    show();
  }

  function follow() { // the block that the step is about
    const about = data.frames[step].b;
    if (about !== undefined) block = about;
  }

  function go(number, keepBlock) {
    step = Math.min(Math.max(number, 0), last);
    if (!keepBlock) follow();
    history.replaceState(null, "", "#step=" + step + "&block=" + block);
    show();
  }

  // --- one step -------------------------------------------------------------------------------------------
  function show() {
    const frame = data.frames[step];
    get("slider").value = step;
    get("slider").setAttribute("aria-valuetext", title(frame));
    for (const id of ["first", "back"]) get(id).disabled = step === 0;
    for (const id of ["last", "forth"]) get(id).disabled = step === last;
    get("tocut").disabled = step === data.cut;
    showNow(frame);
    showMap(frame);
    showBlock();
    drawStrip();
    document.querySelectorAll("a.ev, a.mini").forEach((one) => {
      one.classList.toggle("current", one.getAttribute("href") === "#step=" + step);
    });
  }

  function title(frame) {
    if (frame.k === "start") return "Start";
    if (frame.k === "cut") return frame === data.frames[data.first] ? data.bolt + " " + data.moment : "⚡ Power cut";
    return (frame.p === "recovery" ? (data.behind === "recovery" ? "Recovery, event " : "On the full device, event ") : "Device event ") + frame.n + (frame.p === "run" ? " of " + data.total : "");
  }

  function showNow(frame) {
    const now = get("now");
    now.className = "now" + (frame.k === "cut" ? " cut" : "") + (frame.f ? " " + frame.f : "");
    now.replaceChildren(element("b", "", title(frame) + ": "), element("span", "", frame.w));
    const notes = [];
    if (frame.op !== undefined && frame.k !== "cut") notes.push("operation " + frame.op + ", " + data.ops[frame.op][0]);
    if (frame.f === "lost") notes.push("asked for, but lost when the power went");
    if (frame.f === "torn") notes.push("torn when the power went");
    if (frame.k === "sync") notes.push("all that was written before is durable now");
    if (frame.pr) notes.push("a reader of the format says: " + frame.pr);
    notes.forEach((text) => now.append(element("small", "", text)));
  }

  // --- the map ----------------------------------------------------------------------------------------------
  const cells = new Map();
  function buildMap() {
    const map = get("map");
    let before = -1;
    for (const number of blocks) {
      if (number > before + 1) map.append(run(before + 1, number - 1));
      const cell = element("button", "cell");
      cell.type = "button";
      cell.addEventListener("click", () => { block = number; go(step, true); });
      cells.set(number, cell);
      map.append(cell);
      before = number;
    }
    map.addEventListener("keydown", (event) => {
      const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
      if (!(event.key in moves)) return;
      event.preventDefault();
      event.stopPropagation();
      const at = blocks.indexOf(block) + moves[event.key];
      if (at < 0 || at >= blocks.length) return;
      block = blocks[at];
      go(step, true);
      cells.get(block).focus();
    });
  }

  function run(first, end) {
    const many = element("i", "cell run", first === end ? String(first) : first + "…" + end);
    many.title = "never more than free and erased";
    return many;
  }

  function showMap(frame) {
    const hit = new Set(step ? frame.v.map((one) => one[0]) : []);
    for (const [number, cell] of cells) {
      const [kind, words, speaks] = data.owners[owners[step].get(number)];
      cell.className = "cell k-" + kind + (hit.has(number) ? " hit" : "");
      cell.replaceChildren(element("span", "", data.marks[kind] || " "), element("small", "", String(number)));
      if (speaks) cell.append(element("b"));
      const about = words + (speaks === true ? ", the valid one" : speaks === false ? ", the older one" : "");
      cell.title = "block " + number + ": " + about;
      cell.setAttribute("aria-label", cell.title + (hit.has(number) ? ", changed in this step" : ""));
      cell.setAttribute("aria-pressed", String(number === block));
      cell.tabIndex = number === block ? 0 : -1;
    }
  }

  // --- one block --------------------------------------------------------------------------------------------
  function showBlock() {
    const [, words, speaks] = data.owners[owners[step].get(block)];
    get("blocktitle").textContent = "Block " + block;
    get("blockowner").textContent = words + (speaks === true ? ", the valid one of the pair" : speaks === false ? ", the older one of the pair" : "");
    const version = versions[step].get(block), before = step ? versions[step - 1].get(block) : version;
    const old = new Set(data.versions[before].map((line) => line[0] + line[2]));
    const list = get("blocklines");
    list.replaceChildren();
    for (const [kind, off, text] of data.versions[version]) {
      const fresh = version !== before && kind !== "end" && !old.has(kind + text);
      const line = element("div", kind + (fresh ? " fresh" : ""));
      line.append(element("span", "off", off === null ? "" : String(off)), element("span", "", data.texts[text]));
      list.append(line);
    }
    const news = list.querySelector(".fresh");
    list.scrollTop = news ? Math.max(news.offsetTop - list.offsetTop - 40, 0) : 0;
    showBytes(version, before);
  }

  function showBytes(version, before) {
    const hex = get("hex");
    hex.replaceChildren();
    if (!get("blockbytes").open) return;
    if (!bytes) {
      hex.textContent = data.bytes ? "This browser cannot unpack them." : "They would be too much for this page.";
      return;
    }
    const size = data.size, width = window.innerWidth < 480 ? 8 : 16;
    const now = bytes.subarray(version * size, (version + 1) * size), old = bytes.subarray(before * size, (before + 1) * size);
    let skipped = false;
    for (let row = 0; row < size; row += width) {
      const part = now.subarray(row, row + width);
      if (row && row + width < size && part.every((byte) => byte === part[0]) && now[row - 1] === part[0] && now[row + width] === part[0]) {
        if (!skipped) hex.append("   ⋮\n");
        skipped = true;
        continue;
      }
      skipped = false;
      hex.append(row.toString(16).padStart(4, "0") + "  ");
      let marked = null;
      part.forEach((byte, i) => {
        const changed = byte !== old[row + i], text = byte.toString(16).padStart(2, "0") + " ";
        if (!changed) { hex.append(text); marked = null; return; }
        if (!marked) { marked = element("mark"); hex.append(marked); }
        marked.append(text);
      });
      hex.append(" " + Array.from(part, (byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("") + "\n");
    }
  }

  async function unpack() {
    if (!data.bytes || !("DecompressionStream" in window)) return;
    const packed = Uint8Array.from(atob(data.bytes), (char) => char.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    showBlock();
  }

  // --- the time line ----------------------------------------------------------------------------------------
  const SVG = "http://www.w3.org/2000/svg";
  function draw(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  // Slots of the time line: the frames, and behind the cut what the uncut run would have done until the operation's end.
  const slots = [];
  data.frames.forEach((frame, i) => {
    slots.push({ frame, step: i });
    if (i === data.first) {
      const hand = data.behind === "recovery" && data.ops.find(([, from, to]) => from <= frame.n && frame.n < to);
      for (let n = frame.n; hand && n < Math.min(hand[2], frame.n + 12); n++) {
        slots.push({ never: data.fates[n] !== "torn", ghost: true, frame: { k: data.events[n][0], n: n + 1, p: "run", f: data.fates[n], z: [0, data.events[n][1]] } });
      }
    }
  });

  function drawStrip() {
    const strip = get("strip"), width = Math.max(strip.clientWidth, 280);
    const room = Math.max(Math.min(Math.floor(width / 24), slots.length), 4);
    const wide = Math.min(width / room, 130), at = slots.findIndex((slot) => slot.step === step);
    const from = Math.max(Math.min(at - (room >> 1), slots.length - room), 0);
    const shown = slots.slice(from, from + room);
    strip.replaceChildren();
    const svg = draw(strip, "svg", { viewBox: `0 0 ${width} 118`, height: 118 });
    drawUnsynced(svg, shown, wide);
    drawOperations(svg, shown, wide);
    draw(svg, "line", { x1: 0, x2: shown.length * wide, y1: 88.5, y2: 88.5, stroke: "var(--line)" });
    shown.forEach((slot, i) => drawSlot(svg, slot, i * wide, wide));
    if (from > 0) draw(svg, "text", { x: 2, y: 116, class: "small" }, "← " + from + " more");
    const more = slots.length - from - shown.length;
    if (more > 0) draw(svg, "text", { x: width - 2, y: 116, class: "small", "text-anchor": "end" }, more + " more →");
  }

  // What was asked for after the last sync before the first cut: a device that reorders may lose any of it.
  const writes = (step) => ["prog", "erase"].includes(data.frames[step].k);
  let synced = data.first - 1;
  while (synced > 0 && data.frames[synced].k !== "sync") synced--;

  function drawUnsynced(svg, shown, wide) {
    if (data.moment !== "Power cut") return;
    const open = shown.map((slot, i) => (slot.step > synced && slot.step < data.first && writes(slot.step) ? i : -1)).filter((i) => i >= 0);
    get("risk").hidden = !open.length;
    if (!open.length) return;
    const from = open[0], to = open[open.length - 1] + 1;
    draw(svg, "rect", { x: from * wide, y: 32, width: (to - from) * wide, height: 57, rx: 4, class: "risk" });
    const text = "not synced", room = (to - from) * wide;
    if (room > 72) draw(svg, "text", { x: from * wide + 5, y: 44, class: "small risktext" }, text);
  }

  function drawOperations(svg, shown, wide) {
    let start = 0;
    const name = (slot) => {
      if (slot.ghost) return "never";
      if (slot.frame.p === "recovery") return "recovery";
      if (slot.frame.k === "start" || slot.frame.k === "cut") return slot.frame.k;
      return data.ops.findIndex(([, from, to]) => from < slot.frame.n && slot.frame.n <= to);
    };
    for (let i = 1; i <= shown.length; i++) {
      if (i < shown.length && name(shown[i]) === name(shown[start])) continue;
      const group = name(shown[start]), what = group === "never" ? data.frames[data.first].op : group, x = start * wide + 1, w = (i - start) * wide - 2;
      if (what !== "start" && what !== "cut" && what !== -1) {
        const cut = data.frames[data.first].op;
        draw(svg, "rect", { x, y: 4, width: w, height: 24, rx: 5, class: "oplane" + (group === "never" ? " gone" : what === cut ? " hand" : "") });
        const text = group === "recovery" ? data.behind : group === "never" ? "never happened" : what + " " + data.ops[what][0];
        const fit = Math.floor((w - 10) / 7.4);
        const short = text.length <= fit ? text : fit < 3 ? String(what).slice(0, fit) : text.slice(0, fit - 1) + "…";
        draw(svg, "text", { x: x + 6, y: 20 }, short);
      }
      start = i;
    }
  }

  function drawSlot(svg, slot, x, wide) {
    const frame = slot.frame, middle = x + wide / 2, half = Math.min(wide * 0.34, 13);
    const group = draw(svg, "g", { class: (slot.never ? "never " : "") + (frame.p === "recovery" ? "rec" : "") });
    if (frame.k === "prog") {
      const tall = Math.min(14 + 4 * Math.log2(1 + (frame.z ? frame.z[1] : 0) / 8), 52);
      draw(group, "rect", { x: middle - half, y: 88 - tall, width: 2 * half, height: tall, rx: 3, class: "s-prog" });
    } else if (frame.k === "erase") {
      draw(group, "rect", { x: middle - half, y: 70, width: 2 * half, height: 17, rx: 3, class: "s-erase" });
    } else if (frame.k === "sync") {
      draw(group, "rect", { x: middle - 2.5, y: 36, width: 5, height: 53, rx: 2, class: "s-sync" });
    } else if (frame.k === "start") {
      draw(group, "circle", { cx: middle, cy: 82, r: 5, class: "s-start" });
    } else {
      draw(group, "line", { x1: middle, x2: middle, y1: 4, y2: 100, class: "cutline", "stroke-dasharray": "6 4" });
    }
    if (frame.f === "torn") draw(group, "rect", { x: middle - half - 3, y: 50, width: 2 * half + 6, height: 40, rx: 4, class: "s-torn" });
    if (frame.f === "lost") draw(group, "path", { d: `M${middle - half} 58L${middle + half} 88M${middle + half} 58L${middle - half} 88`, class: "lostx" });
    const label = frame.k === "cut" ? (slot.step === data.first ? data.bolt : "⚡") : frame.k === "start" ? "" : String(frame.n);
    draw(group, "text", { x: middle, y: 103, "text-anchor": "middle", class: frame.k === "cut" ? "cuttext" : "small" }, label);
    if (slot.step === step) draw(svg, "rect", { x: x + 1.5, y: 32, width: wide - 3, height: 76, rx: 6, class: "here" });
    if (!slot.ghost) draw(svg, "rect", { x, y: 0, width: wide, height: 118, class: "pick" }).addEventListener("click", () => go(slot.step));
  }

  // --- hands --------------------------------------------------------------------------------------------------
  const actions = { first: () => go(0), back: () => go(step - 1), forth: () => go(step + 1), last: () => go(last), tocut: () => go(data.cut) };
  for (const id in actions) get(id).addEventListener("click", actions[id]);
  get("slider").addEventListener("input", () => go(Number(get("slider").value)));
  get("blockbytes").addEventListener("toggle", showBlock);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target === get("slider")) return;
    const keys = { ArrowLeft: "back", ArrowRight: "forth", Home: "first", End: "last", c: "tocut", C: "tocut" };
    if (!(event.key in keys)) return;
    event.preventDefault();
    actions[keys[event.key]]();
  });
  window.addEventListener("hashchange", fromHash);
  window.addEventListener("resize", drawStrip);
  buildMap();
  fromHash();
  unpack();
})();
