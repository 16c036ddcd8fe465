// Waveform and log-mel spectrogram of a clip, drawn from its bytes: 16 kHz mono, windows of 25 ms, 80 mel bands, as
// speech models hear it.

const RATE_HZ = 16000;
const WINDOW_FRAMES = 400;
const HOP_FRAMES = 160;
const FFT_SIZE = 512;
const NUM_BANDS = 80;
const DYNAMIC_RANGE = 8; // powers of ten below the loudest that are told apart
const QUIETEST = 1e-12; // power of what no recording holds

/** Decodes a file's bytes to mono at RATE_HZ. */
async function decode(bytes) {
  const context = new OfflineAudioContext(1, 1, RATE_HZ);
  const buffer = await context.decodeAudioData(bytes);
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const values = buffer.getChannelData(channel);
    for (let frame = 0; frame < mono.length; frame += 1) mono[frame] += values[frame] / buffer.numberOfChannels;
  }
  return mono;
}

/** In-place FFT of a complex signal whose length is a power of two. */
function fft(real, imaginary) {
  const size = real.length;
  for (let one = 1, two = 0; one < size; one += 1) {
    let bit = size >> 1;
    for (; two & bit; bit >>= 1) two ^= bit;
    two ^= bit;
    if (one < two) {
      [real[one], real[two]] = [real[two], real[one]];
      [imaginary[one], imaginary[two]] = [imaginary[two], imaginary[one]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const half = length >> 1;
    for (let offset = 0; offset < half; offset += 1) {
      const angle = (-2 * Math.PI * offset) / length;
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      for (let low = offset; low < size; low += length) {
        const high = low + half;
        const re = real[high] * cosine - imaginary[high] * sine;
        const im = real[high] * sine + imaginary[high] * cosine;
        real[high] = real[low] - re;
        imaginary[high] = imaginary[low] - im;
        real[low] += re;
        imaginary[low] += im;
      }
    }
  }
}

/** Triangles on the mel scale: for each band the first bin of the power spectrum and the weights from there on. */
function melBands() {
  const toMel = (hz) => 2595 * Math.log10(1 + hz / 700);
  const edge = (number) => 700 * (10 ** ((toMel(RATE_HZ / 2) * number) / (NUM_BANDS + 1) / 2595) - 1);
  return Array.from({ length: NUM_BANDS }, (_, band) => {
    const [low, middle, high] = [edge(band), edge(band + 1), edge(band + 2)];
    const bins = [];
    for (let bin = 0; bin <= FFT_SIZE / 2; bin += 1) {
      const hz = (bin * RATE_HZ) / FFT_SIZE;
      const weight = Math.min((hz - low) / (middle - low), (high - hz) / (high - middle));
      if (weight > 0) bins.push([bin, weight / (high - low)]);
    }
    // Low bands are narrower than a bin: they take the nearest one.
    return bins.length ? bins : [[Math.round((middle * FFT_SIZE) / RATE_HZ), 1 / (high - low)]];
  });
}

/** Log-mel power by column and band, scaled to 0 … 1; at most `maxColumns` columns. */
function logMel(mono, maxColumns) {
  const hop = Math.max(HOP_FRAMES, Math.ceil(mono.length / maxColumns));
  const numColumns = Math.max(1, Math.floor(mono.length / hop));
  const bands = melBands();
  const taper = Float32Array.from({ length: WINDOW_FRAMES }, (_, place) =>
    0.5 - 0.5 * Math.cos((2 * Math.PI * place) / WINDOW_FRAMES));
  const columns = new Float32Array(numColumns * NUM_BANDS);
  let loudest = Math.log10(QUIETEST) + DYNAMIC_RANGE; // at the least: silence is dark
  for (let column = 0; column < numColumns; column += 1) {
    const real = new Float64Array(FFT_SIZE);
    const imaginary = new Float64Array(FFT_SIZE);
    const start = column * hop + Math.floor((hop - WINDOW_FRAMES) / 2);
    for (let place = 0; place < WINDOW_FRAMES; place += 1) real[place] = (mono[start + place] ?? 0) * taper[place];
    fft(real, imaginary);
    bands.forEach((bins, band) => {
      let power = 0;
      for (const [bin, weight] of bins) power += weight * (real[bin] ** 2 + imaginary[bin] ** 2);
      const level = Math.log10(Math.max(power, QUIETEST));
      columns[column * NUM_BANDS + band] = level;
      loudest = Math.max(loudest, level);
    });
  }
  return { numColumns, levels: columns.map((level) => Math.max(0, 1 - (loudest - level) / DYNAMIC_RANGE)) };
}

// From dark to light with even steps of lightness, so that it also reads in grey.
const COLOURS = [[4, 5, 20], [52, 16, 96], [122, 31, 109], [187, 55, 84], [237, 105, 37], [251, 180, 26], [252, 255, 164]];

function colour(level) {
  const place = Math.min(level, 0.9999) * (COLOURS.length - 1);
  const [low, high] = [COLOURS[Math.floor(place)], COLOURS[Math.floor(place) + 1]];
  return low.map((value, channel) => value + (high[channel] - value) * (place % 1));
}

function drawSpectrogram(canvas, mono) {
  const { numColumns, levels } = logMel(mono, canvas.width);
  const small = new OffscreenCanvas(numColumns, NUM_BANDS);
  const context = small.getContext("2d");
  const image = context.createImageData(numColumns, NUM_BANDS);
  for (let column = 0; column < numColumns; column += 1) {
    for (let band = 0; band < NUM_BANDS; band += 1) {
      const pixel = 4 * ((NUM_BANDS - 1 - band) * numColumns + column);
      image.data.set([...colour(levels[column * NUM_BANDS + band]), 255], pixel);
    }
  }
  context.putImageData(image, 0, 0);
  canvas.getContext("2d").drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Lowest and highest value of each column of pixels. */
function drawWaveform(canvas, mono, fill) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const peak = Math.max(0.01, mono.reduce((highest, value) => Math.max(highest, Math.abs(value)), 0));
  const toY = (value) => (height / 2) * (1 - (0.95 * value) / peak);
  context.clearRect(0, 0, width, height);
  context.fillStyle = fill;
  for (let x = 0; x < width; x += 1) {
    let [low, high] = [0, 0];
    const end = Math.max(Math.floor(((x + 1) * mono.length) / width), Math.floor((x * mono.length) / width) + 1);
    for (let frame = Math.floor((x * mono.length) / width); frame < end && frame < mono.length; frame += 1) {
      low = Math.min(low, mono[frame]);
      high = Math.max(high, mono[frame]);
    }
    context.fillRect(x, toY(high), 1, Math.max(1, toY(low) - toY(high)));
  }
}

/** Times in s for an axis, some ten at most, at round distances. */
function axisTimes(durationS, most = 10) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800];
  const step = steps.find((one) => durationS / one <= most) ?? 3600;
  return Array.from({ length: Math.floor(durationS / step) + 1 }, (_, number) => number * step);
}
