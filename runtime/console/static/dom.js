// Elements are made node by node: text from outside can never become markup.

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function table(heads, rows, nothing = "none") {
  if (!rows.length) return h("p", { class: "quiet" }, nothing);
  const cell = (tag, one) => {
    const { text, kind } = one !== null && typeof one === "object" && !(one instanceof Node) ? one : { text: one, kind: "" };
    return h(tag, { class: kind || null }, text === null || text === undefined ? "–" : text);
  };
  return h("div", { class: "wide" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((one) => cell("th", one)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one) => cell("td", one)))))));
}

export function tile(name, text, says = "", tone = "") {
  return h("div", { class: "tile" }, h("dt", {}, name), h("dd", { class: tone || null }, text, says ? h("small", {}, says) : null));
}

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export const left = (text) => ({ text, kind: "text" });
export const long = (text) => ({ text, kind: "long" });
export const number = (value, digits = 2) => known(value)
  ? value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : "–";
export const signed = (value, digits = 2) => known(value) ? (value > 0 ? "+" : "") + number(value, digits) : "–";
export const percent = (value, digits = 2) => known(value) ? `${number(100 * value, digits)} %` : "–";
export const tone = (value) => !known(value) || value === 0 ? "" : value > 0 ? "good" : "bad";
export const toned = (value, text) => ({ text, kind: tone(value) });
export const date = (ns) => new Date(ns / 1e6);
export const clock = (ns) => ns ? date(ns).toISOString().slice(0, 16).replace("T", " ") : "–";
export const entryLink = (seq, text) => h("a", { href: `#/why/seq/${seq}` }, text);
export const ticketLink = (ticket) => h("a", { href: `#/why/ticket/${ticket}` }, `#${ticket}`);
export const symbolLink = (name) => h("a", { href: `#/symbol/${name}` }, name);
