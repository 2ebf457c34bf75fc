// Everything works without this file. It adds: times in the reader's own zone, forms that are sent
// once, and single-key moves through a list (WCAG 2.1.4: they can be switched off and never act in a field).

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) continue;
  const local = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  if (time.textContent.endsWith("UTC")) time.textContent = local;
  else time.title = local;
}

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  for (const button of event.target.querySelectorAll("button")) {
    setTimeout(() => { button.disabled = true; }, 0);
  }
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
});

const STORE = "leadqual-keys";
const isOff = () => localStorage.getItem(STORE) === "off";
const links = [...document.querySelectorAll(".leads h3 a")];
const claim = document.querySelector("[data-key=c]");

function move(step) {
  const now = links.indexOf(document.activeElement);
  const next = links[Math.min(Math.max(now + step, 0), links.length - 1)];
  next?.focus();
  next?.closest("li").scrollIntoView({ block: "nearest" });
}

const ACTIONS = { j: () => move(1), k: () => move(-1), c: () => claim?.focus() };

document.addEventListener("keydown", (event) => {
  if (isOff() || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const act = ACTIONS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

if (links.length > 0) {
  const hint = document.createElement("p");
  hint.className = "keys-hint fine";
  const toggle = document.createElement("button");
  toggle.type = "button";
  toggle.className = "quiet";
  const show = () => {
    hint.textContent = isOff() ? "Keyboard shortcuts are off. " : "Keys: j and k move through the list, c goes to the claim button. ";
    toggle.textContent = isOff() ? "Switch them on" : "Switch them off";
    hint.append(toggle);
  };
  toggle.addEventListener("click", () => {
    localStorage.setItem(STORE, isOff() ? "on" : "off");
    show();
    toggle.focus();
  });
  show();
  document.querySelector("main").append(hint);
}
