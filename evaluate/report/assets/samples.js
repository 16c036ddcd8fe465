// The sample page: opens the data, holds what is chosen, and listens to controls and keys.

class SamplePage {
  constructor(samples, page) {
    this.samples = samples;
    this.settings = page.settings;
    this.metrics = metricsOf(page.scores);
    const scored = samples.columns.metrics.filter((name, place) =>
      this.metrics.has(name) && samples.columns.values[place].some((value) => value !== null));
    const primary = scored.includes(page.scores?.primary) ? page.scores.primary : scored[0];
    this.metric = this.metrics.get(primary) ?? { name: "", isRate: false, higherIsBetter: false, perfect: null };
    this.searching = 0;
    this.matches = null;
    this.list = new SampleList(byId("list"), samples, (number) => this.select(number, { isChosen: true }));
    this.fillControls(scored);
    if (samples.columns.num_damaged) {
      const told = `${formatCount(samples.columns.num_damaged)} lines of the log are no records and are not shown.`;
      byId("summary").before(make("p", { className: "bad" }, told));
    }
    this.arrange();
    this.select(this.fromAddress() ?? this.list.rows[0]);
  }

  fillControls(scored) {
    const option = (value, text) => make("option", { value }, text);
    const perfect = this.metric.higherIsBetter ? ["right", "wrong"] : ["without errors", "with errors"];
    const states = [["all", "all samples"], ["failed", "failed"], ["unparsed", "unparsed"]];
    if (this.metric.perfect !== null) states.push(["wrong", perfect[1]], ["right", perfect[0]]);
    if (this.samples.isTruncated.size) states.push(["truncated", "cut off by the token limit"]);
    if (this.samples.isChanged.size) states.push(["changed", "with changed clips"]);
    byId("state").replaceChildren(...states.map(([value, text]) => option(value, text)));
    const groups = this.samples.columns.groups;
    byId("group").replaceChildren(option("", "all groups"), ...groups.map(({ kind, labels }, place) =>
      make("optgroup", { label: kind }, ...labels.map((label, number) => option(`${place} ${number}`, label)))));
    byId("group").hidden = !groups.length;
    byId("metric").replaceChildren(...scored.map((name) => option(name, name)));
    byId("metric").value = this.metric.name;
    byId("metric").hidden = scored.length < 2;
    for (const name of ["state", "group", "order"]) byId(name).onchange = () => this.arrange({ toTop: true });
    byId("metric").onchange = (event) => {
      this.metric = this.metrics.get(event.target.value);
      this.arrange({ toTop: true });
    };
    byId("search").oninput = () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.search(), 150);
    };
    byId("stop").onclick = () => this.stopSearch();
    byId("previous").onclick = () => this.step(-1);
    byId("next").onclick = () => this.step(1);
    window.addEventListener("hashchange", () => this.select(this.fromAddress() ?? this.number));
  }

  /** Filters and sorts anew. */
  arrange({ toTop = false } = {}) {
    const [place, label] = byId("group").value.split(" ");
    const group = label === undefined ? null : { of: this.samples.columns.groups[place].of, label: Number(label) };
    const rows = arrange(this.samples, {
      metric: this.metric,
      state: byId("state").value,
      group,
      matches: this.matches,
      order: byId("order").value,
    });
    if (toTop) byId("list").scrollTop = 0;
    this.list.show(rows, this.metric);
    this.tellPlace();
  }

  /** Searches ids and starts of answers at once, then all texts, a chunk at a time. */
  async search() {
    const words = byId("search").value.trim().toLowerCase();
    this.searching += 1;
    const turn = this.searching;
    byId("progress").textContent = "";
    byId("stop").hidden = true;
    this.matches = words ? new Set() : null;
    if (words) {
      const { ids, starts } = this.samples.columns;
      ids.forEach((id, number) => {
        if (id.toLowerCase().includes(words) || starts[number].toLowerCase().includes(words)) this.matches.add(number);
      });
    }
    this.arrange({ toTop: true });
    if (!words) return;
    byId("stop").hidden = false;
    let drawn = performance.now();
    const progress = (share) => {
      byId("progress").textContent = `searched ${Math.floor(100 * share)} % of the texts`;
      if (share < 1 && performance.now() - drawn < 300) return;
      this.arrange();
      drawn = performance.now();
    };
    const isStopped = () => turn !== this.searching;
    try {
      await this.samples.search(words, (number) => this.matches.add(number), progress, isStopped);
    } catch (error) {
      byId("progress").textContent = error.message;
    }
    if (!isStopped()) byId("stop").hidden = true;
  }

  stopSearch() {
    this.searching += 1;
    byId("stop").hidden = true;
    byId("progress").textContent += ", stopped";
  }

  step(distance) {
    const { rows } = this.list;
    const place = rows.indexOf(this.number);
    const next = place < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, place + distance));
    if (rows.length) this.select(rows[next]);
  }

  /** Shows a sample. */
  async select(number, { isChosen = false } = {}) {
    if (number === undefined || number === null) return;
    this.number = number;
    this.list.select(number);
    this.toAddress(number);
    this.tellPlace();
    this.leave?.abort();
    this.leave = new AbortController();
    const { signal } = this.leave;
    const pane = byId("detail");
    try {
      const sample = await this.samples.text(number);
      if (signal.aborted) return;
      showDetail(pane, { ...this, number, sample, signal });
    } catch (error) {
      if (signal.aborted) return;
      pane.replaceChildren(make("p", { className: "bad" }, `${error.message}; make the page anew`));
    }
    pane.scrollTop = 0;
    if (isChosen && matchMedia("(max-width: 60rem)").matches) byId("viewer").scrollIntoView();
  }

  tellPlace() {
    const { rows } = this.list;
    const place = rows.indexOf(this.number);
    byId("place").textContent = `${place < 0 ? "–" : formatCount(place + 1)} of ${formatCount(rows.length)}`;
    byId("nothing").hidden = rows.length > 0;
  }

  /** The sample that the address names, by id or by number. */
  fromAddress() {
    let name = location.hash.slice(1);
    try {
      name = decodeURIComponent(name);
    } catch {
      // a stray per cent sign: the name as it stands
    }
    if (!name) return undefined;
    const place = this.samples.columns.ids.indexOf(name);
    if (place >= 0) return place;
    return /^\d+$/.test(name) && Number(name) < this.samples.count ? Number(name) : undefined;
  }

  toAddress(number) {
    const id = this.samples.columns.ids[number];
    let name = String(number);
    try {
      if (id.length < 200) name = encodeURIComponent(id);
    } catch {
      // a lone surrogate has no form in an address: the number will do
    }
    history.replaceState(null, "", `#${name}`);
  }

  /** The choice that stands for a group, undefined where the list does not know it. */
  groupChoice(kind, label) {
    const place = this.samples.columns.groups.findIndex((one) => one.kind === kind);
    const number = place < 0 ? -1 : this.samples.columns.groups[place].labels.indexOf(label);
    return number < 0 ? undefined : `${place} ${number}`;
  }

  chooseGroup(choice) {
    byId("group").value = choice;
    this.arrange({ toTop: true });
    byId("samples").scrollIntoView();
  }

  key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    const isTyping = target.closest("input, select, textarea");
    if (isTyping) {
      if (key === "Escape") target.blur();
      return;
    }
    const isInList = target.closest("#list") !== null;
    const isControl = target.closest("button, summary, audio, a") !== null;
    const isScroller = target.closest(".scroller, .whole") !== null;
    const keys = {
      j: () => this.step(1),
      k: () => this.step(-1),
      ArrowRight: () => !isControl && !isScroller && this.step(1),
      ArrowLeft: () => !isControl && !isScroller && this.step(-1),
      ArrowDown: () => isInList && this.step(1),
      ArrowUp: () => isInList && this.step(-1),
      Home: () => isInList && this.select(this.list.rows[0]),
      End: () => isInList && this.select(this.list.rows.at(-1)),
      "/": () => byId("search").focus(),
      " ": () => !isControl && playOrPause(),
      "?": () => byId("help").showModal(),
    };
    if (Object.hasOwn(keys, key) && keys[key]() !== false) event.preventDefault();
  }
}

function playOrPause() {
  const all = [...document.querySelectorAll("#detail audio")];
  const audio = all.find((one) => !one.paused) ?? all[0];
  if (!audio) return false;
  if (audio.paused) audio.play();
  else audio.pause();
  return true;
}

async function start() {
  const page = readJson("page-data");
  const groupButtons = [];
  showSummary(byId("summary"), page.scores, page.run, (kind, label) => {
    const button = make("button", { type: "button", className: "text link", disabled: true }, label);
    groupButtons.push({ button, kind, label });
    return button;
  });
  byId("keys").onclick = () => byId("help").showModal();
  try {
    const shown = new SamplePage(await Samples.open(page.settings.stamp), page);
    for (const { button, kind, label } of groupButtons) {
      const choice = shown.groupChoice(kind, label);
      button.disabled = choice === undefined;
      button.onclick = () => shown.chooseGroup(choice);
    }
    document.addEventListener("keydown", (event) => shown.key(event));
  } catch (error) {
    byId("detail").replaceChildren(make("p", { className: "bad" }, `${error.message}; make the page anew`));
  }
  document.body.dataset.ready = "yes";
}

start();
