// The page of `skillstream inspect`.
//
// What comes from an ad, a release or a record reaches the document through textContent alone (node() below); links are
// made of http and https addresses only. One ad: `shown` holds the results as they came, with all mentions; draw() shows
// those at or above the thresholds, so moving a slider asks nothing of the server.

const $ = (id) => document.getElementById(id);
const LETTERS = ["A", "B"];
let about = null, ads = [], picked = null;
let shown = null; // {bytes, results: [{threshold, mentions}], title}
let asked = 0; // number of the last question, so that late answers to earlier ones are dropped

// ---- Building blocks ----

function node(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null)); // strings become text nodes
  return element;
}

function skillLink(mention) {
  let url = null;
  try { url = new URL(mention.skillUri); } catch { /* not an address: shown as text */ }
  if (!url || !/^https?:$/.test(url.protocol)) return node("span", {}, mention.label || mention.skillUri || "?");
  return node("a", { href: url.href, target: "_blank", rel: "noopener noreferrer", title: url.href },
    mention.label || mention.skillUri, node("span", { class: "hidden-text" }, " (opens the skill's page)"));
}

const two = (number) => (number ?? 0).toFixed(2);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function chance(probability) {
  const bar = node("i", { "aria-hidden": "true" });
  bar.style.setProperty("--p", probability ?? 0);
  return node("span", { class: "chance" }, node("span", { class: "number" }, two(probability)), bar);
}

async function ask(path, options) {
  let answer;
  try { answer = await fetch(path, options); } catch { throw new Error("The server does not answer; was it stopped?"); }
  if (!answer.ok) throw new Error((await answer.text()).trim() || `The server answered ${answer.status}.`);
  return answer.json();
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

// ---- Asking ----

const isPicked = () => Boolean(picked) && picked.title === $("title").value && picked.body === $("body").value;

// JSON as it is, an unchanged ad of the list with all its fields, anything else as title and body.
function question() {
  const title = $("title").value, body = $("body").value;
  if (isPicked()) return JSON.stringify(picked.ad);
  if (/^\s*[{[]/.test(body)) {
    try { JSON.parse(body); return body; } catch { /* text that begins with a bracket */ }
  }
  return JSON.stringify({ title, body });
}

async function find() {
  const mine = ++asked;
  $("find").disabled = true;
  complain("");
  try {
    const body = question();
    if (new TextEncoder().encode(body).length > about.maxBytes)
      throw new Error(`This ad is larger than the ${about.maxBytes} bytes that --max-body allows.`);
    const answer = await ask("/api/extract", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (mine === asked) show(answer.results);
  } catch (failure) {
    if (mine === asked) { $("found").hidden = true; shown = null; complain(failure.message); }
  } finally {
    if (mine === asked) $("find").disabled = false;
  }
}

function show(results) {
  const record = results[0].record;
  const thresholds = shown && shown.results.length === results.length ? shown.results.map((r) => r.threshold) : null;
  shown = {
    bytes: new TextEncoder().encode(record.text ?? ""),
    title: record.title ?? "",
    results: results.map((result, i) => ({
      threshold: result.threshold ?? (thresholds ? thresholds[i] : about.releases[i].threshold),
      mentions: result.record.mentions ?? [],
      sentences: result.record.sentenceCount ?? 0,
      seconds: result.seconds,
    })),
  };
  buildControls();
  $("sentences-title").textContent = shown.title ? `Sentences of "${shown.title}"` : "Sentences";
  $("found").hidden = false;
  draw();
  const seconds = shown.results.map((r) => r.seconds).filter((s) => s !== undefined);
  $("status").textContent = `${summary()}${seconds.length ? `, found in ${(seconds.reduce((a, b) => a + b) * 1000).toFixed(0)} ms` : ""}`;
}

// ---- Thresholds ----

function buildControls() {
  const several = shown.results.length > 1, parts = [];
  shown.results.forEach((result, i) => {
    const name = several ? `Threshold of ${LETTERS[i]}` : "Threshold";
    const slider = node("input", { type: "range", id: `threshold-${i}`, min: 0, max: 1, step: 0.01 });
    const output = node("output", { for: `threshold-${i}` });
    const own = about.releases[i].threshold;
    const reset = node("button", { type: "button", "aria-label": `${name}: back to ${two(own)}` }, `back to ${two(own)}`);
    const set = (value) => { result.threshold = value; slider.value = value; output.textContent = two(value); draw(); };
    slider.addEventListener("input", () => set(Number(slider.value)));
    reset.addEventListener("click", () => set(own));
    slider.value = result.threshold;
    output.textContent = two(result.threshold);
    parts.push(node("div", { class: i ? "threshold b" : "threshold" },
      node("label", { for: slider.id }, name), slider, output, reset));
  });
  if (several) {
    const box = node("input", { type: "checkbox", id: "differences" });
    box.checked = $("differences") ? $("differences").checked : false;
    box.addEventListener("change", draw);
    parts.push(node("label", {}, box, " differences only"));
  }
  parts.push(node("span", { class: "sum", id: "sum" }));
  $("controls").replaceChildren(...parts);
}

// ---- What is found ----

// The mentions that pass, of all releases, one entry per (sentence, skill): {mention, by: [mention or undefined, ...]}.
function passing() {
  const entries = new Map();
  shown.results.forEach((result, i) => {
    for (const mention of result.mentions) {
      if ((mention.probability ?? 0) < result.threshold) continue;
      const key = `${mention.sentenceIndex ?? 0} ${mention.skillUri}`;
      if (!entries.has(key)) entries.set(key, { mention, by: [] });
      entries.get(key).by[i] = mention;
    }
  });
  const all = [...entries.values()];
  const only = $("differences") && $("differences").checked;
  return only ? all.filter((entry) => !(entry.by[0] && entry.by[1])) : all;
}

const best = (entry) => Math.max(...entry.by.map((mention) => (mention ? mention.probability ?? 0 : 0)));

function skillsOf(entries) {
  const skills = new Map();
  for (const entry of entries) {
    const uri = entry.mention.skillUri;
    if (!skills.has(uri)) skills.set(uri, { mention: entry.mention, by: [], places: new Set() });
    const skill = skills.get(uri);
    skill.places.add(entry.mention.sentenceIndex ?? 0);
    entry.by.forEach((mention, i) => {
      if (!skill.by[i] || (mention.probability ?? 0) > (skill.by[i].probability ?? 0)) skill.by[i] = mention;
    });
  }
  return [...skills.values()].sort((a, b) => best(b) - best(a));
}

function summary() {
  const entries = passing();
  return `${plural(skillsOf(entries).length, "skill")} in ${plural(new Set(entries.map((e) => e.mention.sentenceIndex ?? 0)).size, "sentence")}` +
    ` of ${shown.results[0].sentences}`;
}

function draw() {
  const entries = passing();
  drawSentences(entries);
  drawSkills(skillsOf(entries));
  $("sum").textContent = summary();
  shown.results.forEach((result, i) =>
    $(`threshold-${i}`).setAttribute("aria-valuetext", `${two(result.threshold)}, ${summary()}`));
}

// ---- Sentences ----

const decoder = new TextDecoder();
const slice = (begin, end) => decoder.decode(shown.bytes.subarray(begin, end));

// Every sentence that some release scored, and the text between them, in the ad's order: {number, begin, end} or {text}.
// What holds no letter or digit is the lead of the sentence on its line (a bullet), else the tail of the piece before it.
function pieces() {
  const spans = new Map();
  for (const result of shown.results)
    for (const m of result.mentions)
      spans.set(m.sentenceIndex ?? 0, { number: m.sentenceIndex ?? 0, begin: m.sentenceBegin ?? 0, end: m.sentenceEnd ?? 0 });
  const sorted = [...spans.values()].sort((a, b) => a.begin - b.begin), all = [];
  let at = 0;
  for (const span of [...sorted, null]) {
    const between = slice(at, span ? span.begin : shown.bytes.length);
    const lead = span ? between.match(at ? /\n[^\p{L}\p{N}\n]*$/u : /(^|\n)[^\p{L}\p{N}\n]*$/u)?.[0] ?? "" : "";
    const rest = between.slice(0, between.length - lead.length).trim();
    if (/[\p{L}\p{N}]/u.test(rest)) all.push({ text: rest });
    else if (rest && all.length) all[all.length - 1].tail = rest;
    if (span && span.end > span.begin) all.push({ ...span, lead: all.length || !rest ? lead.trim() : `${rest} ${lead.trim()}`.trim() });
    if (span) at = Math.max(at, span.end);
  }
  return all;
}

const bare = (text) => text.toLowerCase().replace(/\([^)]*\)/g, "").replace(/[^\p{L}\p{N}]+/gu, " ").trim();

// A span narrower than its sentence names the skill. One that is the whole sentence does when it is the label; else it
// says that no words name the skill.
function isNamed(m) {
  const begin = m.begin ?? 0, end = m.end ?? 0;
  return begin !== (m.sentenceBegin ?? 0) || end !== (m.sentenceEnd ?? 0) || bare(slice(begin, end)) === bare(m.label ?? "");
}

// The sentence's words; the spans of named skills as <mark>. marks: entry -> its elements.
function words(piece, entries, marks) {
  if (piece.text !== undefined) return node("p", { class: "words" }, piece.text, tail(piece));
  const named = entries.filter((entry) => isNamed(entry.mention));
  const cuts = new Set([piece.begin, piece.end]);
  for (const { mention } of named) cuts.add(mention.begin ?? 0).add(mention.end ?? 0);
  const at = [...cuts].sort((a, b) => a - b), out = node("p", { class: "words" });
  if (piece.lead) out.append(node("span", { class: "soft" }, `${piece.lead} `));
  for (let i = 0; i + 1 < at.length; i++) {
    const over = named.filter(({ mention }) => (mention.begin ?? 0) <= at[i] && (mention.end ?? 0) >= at[i + 1]);
    const text = slice(at[i], at[i + 1]);
    if (!over.length) { out.append(text); continue; }
    const mark = node("mark", {}, text);
    for (const entry of over) marks.set(entry, [...(marks.get(entry) ?? []), mark]);
    out.append(mark);
  }
  if (piece.tail) out.append(tail(piece));
  return out;
}

const tail = (piece) => (piece.tail ? node("span", { class: "soft" }, ` ${piece.tail}`) : null);

function chip(entry, marks, item) {
  const several = shown.results.length > 1;
  const only = several && !(entry.by[0] && entry.by[1]) ? (entry.by[0] ? "A" : "B") : null;
  const numbers = entry.by.map((m, i) => (m ? `${several ? `${LETTERS[i]} ` : ""}${two(m.probability)}` : null)).filter(Boolean).join(", ");
  const element = node("li", { class: only ? `only-${only.toLowerCase()}` : null }, skillLink(entry.mention),
    node("span", { class: "number" }, numbers),
    node("span", { class: "soft number" }, `cos ${two(entry.mention.score)}${only ? `, only ${only}` : ""}`),
    node("span", { class: "hidden-text" }, isNamed(entry.mention) ? `, named: ${slice(entry.mention.begin ?? 0, entry.mention.end ?? 0)}` : ", not named"));
  const light = (on) => {
    const lit = marks.get(entry);
    if (lit) lit.forEach((mark) => mark.classList.toggle("lit", on));
    else item.classList.toggle("lit-all", on);
  };
  for (const name of ["mouseenter", "focusin"]) element.addEventListener(name, () => light(true));
  for (const name of ["mouseleave", "focusout"]) element.addEventListener(name, () => light(false));
  return element;
}

function drawSentences(entries) {
  const bySentence = Map.groupBy(entries, (entry) => entry.mention.sentenceIndex ?? 0), all = pieces();
  // A worker's record has no mentions below its threshold, so nobody knows what it scored.
  $("unscored").hidden = shown.results[0].seconds === undefined || all.every((piece) => piece.text === undefined);
  const items = all.map((piece) => {
    const here = (bySentence.get(piece.number) ?? []).sort((a, b) => best(b) - best(a));
    const marks = new Map();
    const item = node("li", { class: here.length ? "has" : null, tabindex: -1,
      id: piece.number === undefined ? null : `sentence-${piece.number}`,
      "data-number": piece.number === undefined ? null : piece.number + 1 }, words(piece, here, marks));
    if (here.length) item.append(node("ul", { class: "found", "aria-label": "Skills of this sentence" },
      ...here.map((entry) => chip(entry, marks, item))));
    return item;
  });
  $("sentences").replaceChildren(...items);
}

// ---- Skills ----

function placeLink(number) {
  const link = node("a", { href: `#sentence-${number}`, "aria-label": `Sentence ${number + 1}` }, String(number + 1));
  link.addEventListener("click", (event) => {
    event.preventDefault(); // the address stays that of the view
    const target = $(`sentence-${number}`);
    target.focus();
    target.scrollIntoView({ block: "center" });
  });
  return link;
}

function drawSkills(skills) {
  const several = shown.results.length > 1;
  const columns = several ? ["Skill", "A", "B", "Where"] : ["Skill", "Probability", "Cosine", "Where"];
  $("skills-head").replaceChildren(...columns.map((name) => node("th", { scope: "col" }, name)));
  $("skills-body").replaceChildren(...skills.map((skill) => {
    const cell = (i) => node("td", { class: i ? "b" : null }, skill.by[i] ? chance(skill.by[i].probability) : node("span", { class: "soft" },
      node("span", { "aria-hidden": "true" }, "\u2013"), node("span", { class: "hidden-text" }, "not found")));
    return node("tr", {},
      node("td", {}, skillLink(skill.mention), node("span", { class: "type" }, skill.mention.skillType ?? "")),
      cell(0), several ? cell(1) : node("td", { class: "number" }, two(skill.by[0].score)),
      node("td", { class: "places" }, ...[...skill.places].sort((a, b) => a - b).map(placeLink)));
  }));
  $("skills").hidden = !skills.length;
  $("no-skills").hidden = skills.length > 0;
}

// ---- The form ----

function pick() {
  const ad = ads[Number($("pick").value)];
  picked = $("pick").value === "" || !ad ? null : { ad, choice: $("pick").value, title: ad.title ?? "", body: ad.body ?? "" };
  $("title").value = picked ? picked.title : "";
  $("body").value = picked ? picked.body : "";
  // A <textarea> changes line ends: compare with what it made of the text.
  if (picked) { picked.title = $("title").value; picked.body = $("body").value; find(); }
}

// Puts an ad that is not of the list into the form.
function fill(title, body) {
  picked = null;
  $("pick").value = "";
  $("title").value = title;
  $("body").value = body;
}

// The list says which of its ads this is; one that was changed is the user's own.
const edited = () => { $("pick").value = isPicked() ? picked.choice : ""; };

// Another ad is put in the place of the listed one: that one's title goes as well.
function beforeBody() {
  const body = $("body"), all = body.selectionStart === 0 && body.selectionEnd === body.value.length;
  if (all && picked && body.value && $("title").value === picked.title) $("title").value = "";
}

async function openFile() {
  const [file] = $("file").files;
  if (!file) return;
  $("file").value = "";
  if (file.size > about.maxBytes) { complain(`${file.name} is larger than the ${about.maxBytes} bytes that --max-body allows.`); return; }
  const text = await file.text();
  fill("", /\.jsonl$/i.test(file.name) ? text.split("\n", 1)[0] : text);
  find();
}

// ---- Live ----

const live = { after: 0, timer: 0, paused: false };

function sayLive(text) {
  if ($("live-state").textContent !== text) $("live-state").textContent = text;
}

function recordItem({ partition, offset, record }) {
  const skills = new Map();
  for (const m of record.mentions ?? []) {
    const known = skills.get(m.skillUri);
    if (!known || (m.probability ?? 0) > (known.probability ?? 0)) skills.set(m.skillUri, m);
  }
  const sorted = [...skills.values()].sort((a, b) => (b.probability ?? 0) - (a.probability ?? 0));
  const facts = [record.employer, record.location, record.adId, plural(record.sentenceCount ?? 0, "sentence"),
    `release ${(record.release ?? "").slice(0, 8)}`, `partition ${partition}, offset ${offset}`].filter(Boolean);
  const item = node("li", { class: "record" });
  if (record.text) {
    const open = node("button", { type: "button" }, "Show in its text");
    open.addEventListener("click", () => {
      asked++; // an answer that is on its way is of another ad
      shown = null;
      complain("");
      fill(record.title ?? "", record.text); // so that it can be asked of this release as well
      show([{ record, threshold: 0 }]); // the worker has applied its own
      location.hash = "#ad";
      $("result").focus();
    });
    item.append(open);
  }
  item.append(node("h3", {}, record.title || record.adId || "without title"), node("p", { class: "about" }, facts.join(" · ")));
  if (sorted.length) item.append(node("ul", { class: "found", "aria-label": "Skills of this record" },
    ...sorted.map((m) => node("li", {}, skillLink(m), node("span", { class: "number" }, two(m.probability))))));
  else item.append(node("p", { class: "soft" }, "no skill"));
  return item;
}

async function look() {
  if (!live.paused && !document.hidden) {
    try {
      const news = await ask(`/api/records?after=${live.after}`);
      if (news.state === "off") sayLive("There is no live view: start skillstream inspect with --bootstrap HOST:PORT.");
      else if (news.state === "connecting") sayLive(`Not connected: ${news.detail}.`);
      else sayLive(`Reading topic ${about.liveTopic}.`);
      $("live-count").textContent = news.state === "off" ? "" :
        `${plural(news.read, "record")} read` + (news.bad ? `, ${plural(news.bad, "message")} not shown` : "");
      if (news.next < live.after) $("records").replaceChildren();
      live.after = news.next;
      $("records").prepend(...news.records.map(recordItem).reverse());
      while ($("records").childElementCount > 200) $("records").lastElementChild.remove();
    } catch (failure) { sayLive(failure.message); }
  }
  if (!$("live-view").hidden) live.timer = setTimeout(look, 1000);
}

function togglePause() {
  live.paused = !live.paused;
  $("pause").setAttribute("aria-pressed", String(live.paused));
  if (live.paused) sayLive("Paused.");
}

// ---- Views ----

function showView() {
  const isLive = location.hash === "#live";
  $("ad-view").hidden = isLive;
  $("live-view").hidden = !isLive;
  for (const [id, here] of [["to-ad", !isLive], ["to-live", isLive]])
    if (here) $(id).setAttribute("aria-current", "page"); else $(id).removeAttribute("aria-current");
  document.title = isLive ? "Live stream - Skill inspector" : "Skill inspector";
  clearTimeout(live.timer);
  if (isLive) look();
}

function describeReleases() {
  const several = about.releases.length > 1;
  $("releases").textContent = about.releases.map((r, i) =>
    (several ? `${LETTERS[i]}: ` : "") + [`${r.name || r.encoder} (${r.digest.slice(0, 8)})`,
      `${r.taxonomyName} ${r.taxonomyVersion}`.trim(), `${r.skills.toLocaleString("en")} skills`].filter(Boolean).join(", ")).join("  |  ");
  $("program").textContent = about.program;
}

async function start() {
  [about, ads] = await Promise.all([ask("/api/about"), ask("/api/ads")]);
  describeReleases();
  $("pick").append(...ads.map((ad, i) => node("option", { value: i }, ad.title || ad.id || `ad ${i + 1}`)));
  $("pick").addEventListener("change", pick);
  $("form").addEventListener("submit", (event) => { event.preventDefault(); find(); });
  $("form").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find(); });
  for (const id of ["title", "body"]) $(id).addEventListener("input", edited);
  $("body").addEventListener("beforeinput", beforeBody);
  $("file").addEventListener("change", openFile);
  $("pause").addEventListener("click", togglePause);
  window.addEventListener("hashchange", showView);
  showView();
  if (ads.length) { $("pick").value = "0"; pick(); }
  document.body.dataset.ready = "true"; // for tests
}

start().catch((failure) => complain(failure.message));
