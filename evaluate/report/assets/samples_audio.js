// Clips of a sample: a player each, with waveform and spectrogram under it where the page can read the clip's bytes.
//
// Three ways to a clip, by `settings.audio`: "served" asks the server that made the page; "static" loads a script that
// holds the bytes, as a page opened from disk can read no others; "place" names the file itself, which plays where the
// page too was opened from disk, and no more.

const MAX_DRAWN_S = 900; // longer clips are drawn when asked

/** Makes the players of a sample; `signal` is aborted when another sample is shown. */
function players(settings, number, sample, signal) {
  return sample.audio.map((path, clip) => {
    const box = make("figure", { className: "clip" });
    const several = sample.audio.length > 1 ? `clip ${clip + 1}: ` : "";
    const span = spanOf(sample, clip);
    box.append(make("figcaption", { className: "text quiet" }, `${several}${path}${spanText(span)}`));
    openClip(settings, number, clip, path, span, signal).then(
      (source) => !signal.aborted && box.append(...player(source, path)),
      (error) => !signal.aborted && box.append(make("p", { className: "text quiet" }, `audio not here: ${error.message}`)),
    );
    return box;
  });
}

function spanOf(sample, clip) {
  const [start, duration] = sample.spans[clip] ?? [0, null];
  return start || duration !== null ? { start, duration } : null;
}

function spanText(span) {
  if (!span) return "";
  return `, from ${span.start} s${span.duration === null ? "" : `, ${span.duration} s long`}`;
}

/** Resolves to where a clip plays from and, where its bytes can be read, a function that reads them. */
async function openClip(settings, number, clip, path, span, signal) {
  if (settings.audio === "served") return openServed(`audio/${number}/${clip}`, signal);
  if (settings.audio === "static") {
    const name = `${String(number).padStart(6, "0")}-${clip}`;
    return openScript(await load(`audio ${name}`, `audio/${name}.js?${settings.stamp}`), signal);
  }
  const hint = "otoscope view RUN shows it with its waveform and spectrogram";
  if (location.protocol !== "file:") throw new Error(`this page holds no audio; ${hint}`);
  if (/^[/\\]{2}/.test(path)) throw new Error(`${path} is on another machine`); // a browser may ask there, with a password
  const end = span?.duration == null ? "" : `,${span.start + span.duration}`;
  return { url: fileUrl(settings.working_dir, path) + (span ? `#t=${span.start}${end}` : ""), note: `${hint}.` };
}

/** The server says in words why it has no audio. */
function openServed(url, signal) {
  const get = () => fetch(url, { signal });
  return { url, read: async () => (await get()).arrayBuffer(), why: async () => (await get()).text() };
}

function openScript({ type, base64, reason }, signal) {
  if (reason) throw new Error(reason);
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  // Not at once: a player that is still opening it would complain.
  signal.addEventListener("abort", () => setTimeout(() => URL.revokeObjectURL(url), 60_000));
  return { url, read: async () => bytes.buffer.slice(0) };
}

function fileUrl(workingDir, path) {
  const absolute = path.startsWith("/") ? path : `${workingDir}/${path}`;
  return `file://${absolute.split("/").map(encodeURIComponent).join("/")}`;
}

/** The elements of one player. */
function player(source, path) {
  const audio = make("audio", { controls: true, preload: "metadata", src: source.url });
  audio.setAttribute("aria-label", `audio of ${path}`);
  const message = make("p", { className: "text quiet", role: "status" }, source.note ?? "");
  const picture = make("div", { className: "picture" });
  audio.addEventListener("error", async () => {
    const reason = await source.why?.().catch(() => "the server has gone");
    message.textContent = `audio not here, or of a kind that this browser does not play: ${reason ?? path}`;
    audio.remove();
    picture.remove();
  });
  if (!source.read) return [audio, message];
  const draw = () => source.read().then(decode).then((mono) => drawPicture(picture, audio, mono));
  const failed = (error) => { if (error.name !== "AbortError") message.textContent = `not drawn: ${error.message}`; };
  audio.addEventListener("loadedmetadata", () => {
    if (audio.duration <= MAX_DRAWN_S) return draw().catch(failed);
    const ask = make("button", { type: "button" }, `draw all ${Math.round(audio.duration / 60)} minutes`);
    ask.onclick = () => { ask.remove(); draw().catch(failed); };
    return picture.before(ask);
  }, { once: true });
  return [audio, picture, message];
}

/** Waveform above, spectrogram below, a time axis, and a cursor that goes with the sound; a click goes there. */
function drawPicture(picture, audio, mono) {
  const durationS = mono.length / RATE_HZ;
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(200, Math.round(picture.clientWidth * scale));
  const canvas = (height, label) => make("canvas", { width, height: Math.round(height * scale), role: "img", ariaLabel: label });
  const wave = canvas(56, `waveform, ${durationS.toFixed(1)} s`);
  const mel = canvas(128, `log-mel spectrogram, 0 to 8 kHz, ${durationS.toFixed(1)} s`);
  const cursor = make("div", { className: "cursor" });
  const axis = make("div", { className: "axis quiet", ariaHidden: "true" });
  for (const time of axisTimes(durationS, picture.clientWidth / 70)) {
    const tick = make("span", {}, `${Number(time.toFixed(1))}`);
    tick.style.left = `${(100 * time) / durationS}%`;
    axis.append(tick);
  }
  picture.replaceChildren(wave, mel, cursor, axis);
  drawWaveform(wave, mono, getComputedStyle(picture).color);
  drawSpectrogram(mel, mono);
  picture.dataset.drawn = "yes";
  const place = () => { cursor.style.left = `${(100 * Math.min(audio.currentTime, durationS)) / durationS}%`; };
  const follow = () => { place(); if (!audio.paused && audio.isConnected) requestAnimationFrame(follow); };
  audio.addEventListener("play", follow);
  audio.addEventListener("seeked", place);
  audio.addEventListener("timeupdate", place);
  picture.addEventListener("click", (event) => {
    const { left, width: room } = picture.getBoundingClientRect();
    audio.currentTime = Math.max(0, Math.min(1, (event.clientX - left) / room)) * durationS;
  });
}
