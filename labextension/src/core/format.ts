const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const pad = (value: number): string => String(value).padStart(2, '0');

/** `0.4 s`, `12 s`, `3m 05s`, `2h 10m`, `3d 4h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) {
    return '–';
  }
  if (seconds < 9.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < MINUTE) {
    return `${whole} s`;
  }
  if (whole < HOUR) {
    return `${Math.floor(whole / MINUTE)}m ${pad(whole % MINUTE)}s`;
  }
  if (whole < DAY) {
    return `${Math.floor(whole / HOUR)}h ${pad(Math.floor((whole % HOUR) / MINUTE))}m`;
  }
  return `${Math.floor(whole / DAY)}d ${Math.floor((whole % DAY) / HOUR)}h`;
}

/** A duration that ticks once a second, so without tenths. */
export function elapsed(seconds: number): string {
  return seconds < 10 ? `${Math.max(0, Math.floor(seconds))} s` : duration(Math.floor(seconds));
}

export function relativeTime(time: number, now: number): string {
  const seconds = now - time;
  if (seconds < 45) {
    return seconds < 5 ? 'just now' : `${Math.floor(seconds)} s ago`;
  }
  if (seconds < HOUR) {
    return `${Math.max(1, Math.round(seconds / MINUTE))} min ago`;
  }
  if (seconds < DAY) {
    return `${Math.round(seconds / HOUR)} h ago`;
  }
  if (seconds < 7 * DAY) {
    return `${Math.round(seconds / DAY)} d ago`;
  }
  return new Date(time * 1000).toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
}

export function clockTime(time: number): string {
  return new Date(time * 1000).toLocaleTimeString(undefined, { hour12: false });
}

export function dateTime(time: number): string {
  return new Date(time * 1000).toLocaleString(undefined, {
    dateStyle: 'medium',
    timeStyle: 'medium'
  });
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Memory in the unit that the limits are given in: MiB below one GiB, then GiB. */
export function memory(mebibytes: number): string {
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** Four significant digits, exponents only where they are shorter. */
export function metric(value: number): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
    return minus(value.toExponential(2).replace('e+', 'e'));
  }
  if (Number.isInteger(value)) {
    return minus(value.toLocaleString('en-US'));
  }
  return minus(String(Number(value.toPrecision(size >= 1000 ? 6 : 4))));
}

/** A change with its sign: `+0.0041`, `−12`. */
export function delta(value: number): string {
  const size = Number(Math.abs(value).toPrecision(2));
  return `${value < 0 ? '−' : value > 0 ? '+' : '±'}${metric(size)}`;
}

export function count(value: number): string {
  if (value < 10_000) {
    return value.toLocaleString('en-US');
  }
  return value < 1e6 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(1)}M`;
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) {
    return '–';
  }
  if (value < 1) {
    return value === 0 ? '0 ms' : `${value.toFixed(2)} ms`;
  }
  return value < 1000
    ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
    : `${(value / 1000).toFixed(2)} s`;
}

export function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

/** `S3Uri` → `S3 uri`, `ml.m5.large` untouched; for words the wire spells in CamelCase. */
export function words(camel: string): string {
  const spaced = camel.replace(/([a-z0-9])([A-Z])/g, '$1 $2');
  return spaced.charAt(0) + spaced.slice(1).toLowerCase();
}

function minus(text: string): string {
  return text.replace(/^-/, '−').replace('e-', 'e−');
}
