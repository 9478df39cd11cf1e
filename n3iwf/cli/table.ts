/** Tables of text that fit a terminal: columns give way from the most patient one on. */

/** One column. */
export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => string | number | undefined;
  /** Numbers stand right, text left. */
  readonly align?: 'right';
  /** May be cut down to so many characters when the line is too long; without it the column never gives way. */
  readonly least?: number;
}

/** `text` in at most `width` characters: its end is kept where that tells more, as in names that begin alike. */
export function clip(text: string, width: number, keep: 'start' | 'end' = 'start'): string {
  if (text.length <= width) return text;
  if (width <= 1) return text.slice(0, Math.max(0, width));
  return keep === 'start' ? `${text.slice(0, width - 1)}…` : `…${text.slice(1 - width)}`;
}

const gap = 2;

/** Widths of the columns so that a line has at most `limit` characters, if the columns' least widths let it. */
function widthsOf<Row>(columns: readonly Column<Row>[], natural: readonly number[], limit: number): number[] {
  const widths = [...natural];
  const total = () => widths.reduce((sum, width) => sum + width, 0) + gap * (widths.length - 1);
  for (let over = total() - limit; over > 0; over--) {
    // The one that is the furthest above its least loses a character.
    let victim: number | undefined;
    let most = 0;
    for (const [at, { least }] of columns.entries()) {
      const room = (widths[at] ?? 0) - (least ?? Number.POSITIVE_INFINITY);
      if (room > most) [victim, most] = [at, room];
    }
    if (victim === undefined) break;
    widths[victim] = (widths[victim] ?? 1) - 1;
  }
  return widths;
}

/** Lines of a table, head first; only the head when there are no rows. Nothing ends in spaces. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[], most = 80): string[] {
  const cells = rows.map((row) => columns.map(({ of }) => String(of(row) ?? '-') || '-'));
  const natural = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const widths = widthsOf(columns, natural, most);
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) => {
        const width = widths[at] ?? 0;
        const shown = clip(text, width, columns[at]?.align === 'right' ? 'start' : 'end');
        return columns[at]?.align === 'right' ? shown.padStart(width) : shown.padEnd(width);
      })
      .join(' '.repeat(gap))
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}

/** `key  value` lines with the values in a column; pairs without a value are left out. */
export function pairLines(
  pairs: readonly (readonly [string, string | number | undefined])[],
  most = 80,
): string[] {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(0, ...shown.map(([key]) => key.length));
  return shown.map(([key, value]) => clip(`${key.padEnd(width)}  ${value}`, most));
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const;

/** Seconds as an operator reads them: `42s`, `3m05s`, `2h07m`, `5d03h`. */
export function duration(seconds: number): string {
  const at = units.findIndex(([, size]) => seconds >= size);
  const [unit, size] = units[at] ?? ['s', 1];
  if (unit === 's') return `${Math.floor(seconds)}s`;
  const [smaller, smallerSize] = units[at + 1] ?? ['s', 1];
  const rest = Math.floor((seconds % size) / smallerSize);
  return `${Math.floor(seconds / size)}${unit}${String(rest).padStart(2, '0')}${smaller}`;
}

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];

/** A number in at most five characters: `999`, `1.2k`, `35M`. */
export function brief(value: number): string {
  let scaled = value;
  let at = 0;
  while (scaled >= 999.5 && at < prefixes.length - 1) {
    scaled /= 1000;
    at++;
  }
  const text = at === 0 || scaled >= 99.95 ? Math.round(scaled) : scaled.toFixed(1);
  return `${text}${prefixes[at]}`;
}
