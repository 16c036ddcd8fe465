// Where the page's data come from: scripts that are added when they are needed, each of which calls `otoscope`.

const arrived = new Map(); // what a script brought, until the one who asked takes it
const otoscope = {
  index: (columns) => arrived.set("index", columns),
  chunk: (number, chunk) => arrived.set(`chunk ${number}`, chunk),
  audio: (name, type, base64) => arrived.set(`audio ${name}`, { type, base64 }),
  noAudio: (name, reason) => arrived.set(`audio ${name}`, { reason }),
};

/** Adds a script and resolves to what it brought. */
function load(key, url) {
  return new Promise((resolve, reject) => {
    const script = make("script", { src: url });
    script.onload = () => {
      script.remove();
      const value = arrived.get(key);
      arrived.delete(key);
      if (value === undefined) reject(new Error(`${url} holds other data than this page expects`));
      else resolve(value);
    };
    script.onerror = () => {
      script.remove();
      reject(new Error(`${url} cannot be read`));
    };
    document.head.append(script);
  });
}

/** All samples of the run in columns, and their texts a chunk at a time; the last chunks asked for are kept. */
class Samples {
  constructor(columns, stamp) {
    this.columns = columns;
    this.count = columns.ids.length;
    this.numChunks = Math.ceil(this.count / columns.chunk_samples);
    this.stamp = stamp;
    this.chunks = new Map();
    this.isTruncated = new Set(columns.truncated);
    this.isChanged = new Set(columns.changed);
  }

  static async open(stamp) {
    return new Samples(await load("index", `page/index.js?${stamp}`), stamp);
  }

  /** The per-sample values of a metric; none where it says nothing of a sample alone. */
  values(metric) {
    return this.columns.values[this.columns.metrics.indexOf(metric)] ?? [];
  }

  async text(number) {
    const size = this.columns.chunk_samples;
    const chunk = await this.chunk(Math.floor(number / size));
    const sample = chunk.samples[number % size];
    return { ...sample, prompt: chunk.prompts[sample.prompt] };
  }

  chunk(number) {
    let promise = this.chunks.get(number);
    if (!promise) {
      const name = String(number).padStart(4, "0");
      promise = load(`chunk ${number}`, `page/${name}.js?${this.stamp}`);
      promise.catch(() => this.chunks.delete(number));
    }
    this.chunks.delete(number); // and behind all others again
    this.chunks.set(number, promise);
    if (this.chunks.size > 30) this.chunks.delete(this.chunks.keys().next().value);
    return promise;
  }

  /** Calls `found` with the number of each sample that has the words in a text of it; ends early when `isStopped`. */
  async search(words, found, progress, isStopped) {
    for (let number = 0; number < this.numChunks; number += 1) {
      const chunk = await this.chunk(number);
      if (isStopped()) return;
      const prompts = chunk.prompts.map((prompt) => prompt.toLowerCase().includes(words));
      chunk.samples.forEach((sample, place) => {
        const texts = [sample.hypothesis, sample.answer, ...sample.references, ...(sample.error ?? []), ...sample.audio];
        if (prompts[sample.prompt] || texts.some((text) => text?.toLowerCase().includes(words))) {
          found(number * this.columns.chunk_samples + place);
        }
      });
      progress((number + 1) / this.numChunks);
    }
  }
}
