export interface Span {
  text: string;
  /** 0 to 15 of the terminal palette. */
  color?: number;
  bold?: boolean;
  dim?: boolean;
}

const SEQUENCE = /\u001b\[([0-9;]*)([A-Za-z])|\u001b\][^\u0007]*\u0007|\u001b[()][A-Z0-9]/g;

export function stripAnsi(text: string): string {
  return text.includes('\u001b') ? text.replace(SEQUENCE, '') : text;
}

/** The spans of one line, each with the colour and weight that the escape sequences before it ask for. */
export function parseAnsi(line: string): Span[] {
  if (!line.includes('\u001b')) {
    return line ? [{ text: line }] : [];
  }
  const spans: Span[] = [];
  let style: Omit<Span, 'text'> = {};
  let from = 0;
  const push = (text: string): void => {
    if (text) {
      spans.push({ text, ...style });
    }
  };
  for (const match of line.matchAll(SEQUENCE)) {
    push(line.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[2] === 'm') {
      style = restyle(style, (match[1] || '0').split(';').map(Number));
    }
  }
  push(line.slice(from));
  return spans;
}

function restyle(style: Omit<Span, 'text'>, codes: number[]): Omit<Span, 'text'> {
  let next = { ...style };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 0) {
      next = {};
    } else if (code === 1) {
      next.bold = true;
    } else if (code === 2) {
      next.dim = true;
    } else if (code === 22) {
      delete next.bold;
      delete next.dim;
    } else if (code >= 30 && code <= 37) {
      next.color = code - 30;
    } else if (code >= 90 && code <= 97) {
      next.color = code - 82;
    } else if (code === 39) {
      delete next.color;
    } else if (code === 38 || code === 48) {
      const skipped = codes[index + 1] === 5 ? 2 : 4;
      const color = codes[index + 2];
      if (code === 38 && skipped === 2 && color !== undefined && color < 16) {
        next.color = color;
      }
      index += skipped;
    }
  }
  return next;
}
