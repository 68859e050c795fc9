// The page's frame: who may see, which page is shown, and the stream that keeps it up to date.

import { clock, h, number, percent } from "./dom.js";
import * as pages from "./pages.js";

const PAGES = [["overview", "Overview"], ["council", "Council"], ["symbol", "Symbols"], ["why", "Why"], ["journal", "Journal"], ["models", "Models"], ["limits", "Limits"]];
const REFRESH_MS = 1500;
const SLOW = new Set(["why", "why-not", "entry", "journal", "models"]);
// Made once: a link that has the focus keeps it while the page is redrawn.
const links = PAGES.map(([key, text]) => h("a", { href: `#/${key}` }, text));
const place = document.getElementById("page");
const link = document.getElementById("link");
const outcome = document.getElementById("outcome");
const root = document.documentElement;
let csrf = "";
let controls = false;
let shown = null;
let due = false;
let stream = null;

const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;

async function ask(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  if (answer.status === 401) { showLogin(); throw new Error("the session is over"); }
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

function showLogin(problem = "") {
  stream?.close();
  stream = null;
  shown = null;
  document.getElementById("controls").hidden = true;
  const enter = async (event) => { event.preventDefault(); await open(new FormData(event.target).get("token")); };
  place.replaceChildren(h("h1", {}, "Quorum"),
    h("p", {}, "This console asks for its token once: the content of console.token in the folder of the state (", h("code", {}, "python launch.py console"), " opens it with the token)."),
    h("form", { class: "form", onsubmit: enter }, h("label", {}, "Token", h("input", { name: "token", type: "password", autocomplete: "off", required: true })), h("button", {}, "Enter")),
    problem ? h("p", { class: "bad", role: "alert" }, problem) : "");
  place.querySelector("input").focus();
}

async function open(token) {
  const answer = await fetch("/session", { method: "POST", body: token, credentials: "same-origin" });
  if (!answer.ok) { showLogin(await answer.text()); return; }
  await begin();
}

async function begin() {
  const session = await (await fetch("/session", { credentials: "same-origin" })).json();
  if (!session.open) { showLogin(); return; }
  ({ csrf, controls } = session);
  document.getElementById("controls").hidden = !controls;
  document.getElementById("pages").replaceChildren(...links);
  if (!stream) follow();
  await show();
}

function follow() {
  stream = new EventSource("/events");
  stream.addEventListener("tick", (event) => { tick(JSON.parse(event.data)); due = true; });
  stream.onopen = () => { link.textContent = ""; };
  stream.onerror = () => { link.textContent = "The connection is lost; it is tried again."; };
}

function tick(now) {
  const state = document.getElementById("state");
  state.textContent = now.state;
  state.className = `state ${now.state}`;
  document.getElementById("marker").textContent = now.marker || "QUORUM";
  document.getElementById("equity").textContent = now.equity === null ? "" : `${number(now.equity)} ${now.currency}`;
  document.getElementById("drawdown").textContent = now.drawdown_frac === null ? "" : `drawdown ${percent(now.drawdown_frac)}`;
  document.getElementById("clock").textContent = `${clock(now.now_ns)} UTC`;
  document.getElementById("unwell").textContent = now.unwell.length ? `unwell: ${now.unwell.join(", ")}` : "";
  document.title = `${now.state} ${now.equity === null ? "" : number(now.equity)} Quorum`;
}

function route() {
  const [path, query = ""] = (location.hash.replace(/^#\/?/, "") || "overview").split("?");
  const [name, ...rest] = path.split("/");
  return { name, rest: rest.map(decodeURIComponent), asked: Object.fromEntries(new URLSearchParams(query)) };
}

const VIEWS = {
  overview: async () => view(pages.overview, await ask("/api/overview"), controls),
  council: async () => view(pages.council, await ask("/api/council"), controls),
  limits: async () => view(pages.limits, await ask("/api/limits")),
  models: async () => view(pages.models, await ask("/api/learning"), controls),
  symbol: async (rest) => {
    const names = await ask("/api/symbols");
    const name = rest[0] || names[0];
    return view(pages.symbol, name ? await ask(`/api/symbol?${new URLSearchParams({ name })}`) : null, names);
  },
  why: async (rest) => {
    if (rest.length < 2) return view(pages.why, null, {});
    const asked = { [rest[0]]: rest[1] };
    return view(pages.why, await ask(`/api/trail?${new URLSearchParams(asked)}`), asked);
  },
  "why-not": async (rest) => {
    const asked = { symbol: rest[0], time: rest[1] };
    return view(pages.whyNot, await ask(`/api/why-not?${new URLSearchParams(asked)}`), asked);
  },
  entry: async (rest) => view(pages.entry, await ask(`/api/entry?${new URLSearchParams({ seq: rest[0] })}`)),
  journal: async (_, asked) => view(pages.journal, await ask(`/api/${asked.time ? "instant" : "journal"}?${new URLSearchParams(asked)}`), asked),
};

const view = (page, ...data) => ({ elements: () => page(...data), refresh: () => page.refresh?.(...data) });

function mark(name) {
  for (const one of links) {
    if (one.hash === `#/${name}`) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
}

async function show() {
  const { name, rest, asked } = route();
  const wanted = location.hash;
  const from = document.activeElement;
  mark(["why-not", "entry"].includes(name) ? "why" : name);
  try {
    const found = await (VIEWS[name] || VIEWS.overview)(rest, asked);
    if (location.hash === wanted) paint(found, shown === wanted, from);
    shown = wanted;
    link.textContent = "";
  } catch (error) {
    if (shown !== wanted) place.replaceChildren(h("h1", {}, "Not shown"), h("p", { role: "alert" }, error.message));
    else link.textContent = error.message;
    shown = wanted;
  }
}

// A page that is only brought up to date keeps its pictures, the place it was scrolled to, and the focus. Another page is
// given the focus, unless it has left, meanwhile, the element from which that page was asked for.
function paint(found, isSame, from) {
  const kept = isSame ? Object.fromEntries([...place.querySelectorAll(".chart")].map((one) => [one.id, one])) : {};
  const focused = document.activeElement;
  const isWithin = isSame && focused !== place && place.contains(focused) && focused.tagName !== "A";
  if (!isWithin) {
    const height = window.scrollY;
    place.replaceChildren(...[found.elements()].flat(Infinity).filter(Boolean));
    for (const one of place.querySelectorAll(".chart")) if (kept[one.id]) one.replaceWith(kept[one.id]);
    window.scrollTo(0, isSame ? height : 0);
  }
  found.refresh();
  if (!isSame && focused === from) place.focus({ preventScroll: true });
}

// Who asks hears of the button or of Escape at once: a dialog's `close` comes a frame later, when the next question may
// stand open already, and would answer that one.
function confirmed(title, text, yes) {
  const dialog = document.getElementById("ask");
  document.getElementById("ask-title").textContent = title;
  document.getElementById("ask-text").textContent = text;
  document.getElementById("ask-yes").textContent = yes;
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onsubmit = (event) => resolve(event.submitter.value === "yes");
    dialog.oncancel = () => resolve(false);
  });
}

const TEXTS = {
  pause: ["Pause?", "Only what reduces risk may leave until you resume.", "Pause"],
  resume: ["Resume?", "Entries may leave again, and whatever waits for a person is taken as settled.", "Resume"],
  flatten: ["Close everything?", "Every position that the council has opened is closed at the market, and trading halts until you resume.", "Close everything"],
};

const AGENT_TEXTS = {
  switch: (argument) => {
    const [agent, mode] = argument.split(" ");
    const what = { true: "on", shadow: "into shadow", false: "off" }[mode];
    return [`Switch ${agent} ${what}?`, "The choice is kept over restarts until it is reset. The answer says whether it holds now or from the next start on.", `Switch ${what}`];
  },
  close: (argument) => [`Close ${argument}?`, "This position is closed at the market; trading goes on.", "Close"],
  restart: (argument) => [`Restart ${argument}?`, "Its process ends and begins again from the journal.", "Restart"],
  retrain: (argument) => [`Train ${argument}?`, "A candidate is trained and judged by the gates; what is refused changes nothing.", "Train"],
};

async function order(command, argument) {
  try {
    const answer = await fetch("/api/command", {
      method: "POST", credentials: "same-origin", headers: { "x-quorum-csrf": csrf }, body: JSON.stringify({ command, confirm: command, argument }),
    });
    return answer.ok ? (await answer.json()).answer : await answer.text();
  } catch (error) {
    return `${command}: no answer came (${error.message}). Look whether it was taken before you ask again.`;
  }
}

// The answer stands until the next command, whatever is redrawn meanwhile.
async function steer(command, argument = "") {
  if (!await confirmed(...(TEXTS[command] || AGENT_TEXTS[command](argument)))) return;
  outcome.textContent = "";
  outcome.textContent = await order(command, argument);
}

// Controls inside of a page: a button or a choice that names its command and what it is about. What has the focus is
// never redrawn, so it is given up; a choice shows what holds, not what was wished.
place.addEventListener("click", (event) => {
  const { command, argument } = event.target.dataset;
  if (!command || event.target.tagName !== "BUTTON") return;
  event.target.blur();
  steer(command, argument);
});
place.addEventListener("change", (event) => {
  const { command, argument, value } = event.target.dataset;
  if (!command) return;
  const mode = event.target.value;
  event.target.value = value;
  event.target.blur();
  steer(command, `${argument} ${mode}`);
});
document.getElementById("controls").addEventListener("click", (event) => { if (event.target.dataset.command) steer(event.target.dataset.command); });
document.getElementById("theme").addEventListener("click", (event) => {
  root.dataset.theme = isDark() ? "light" : "dark";
  event.target.textContent = isDark() ? "Light" : "Dark";
  show();
});
window.addEventListener("hashchange", show);
setInterval(() => {
  if (!due || !stream || document.hidden || SLOW.has(route().name)) return;
  due = false;
  show();
}, REFRESH_MS);
document.getElementById("theme").textContent = isDark() ? "Light" : "Dark";

// The token comes behind a "#", which no browser sends anywhere, and leaves the address at once.
const given = location.hash.match(/^#token=(.+)$/);
if (given) {
  history.replaceState(null, "", location.pathname);
  open(decodeURIComponent(given[1]));
} else {
  begin();
}
