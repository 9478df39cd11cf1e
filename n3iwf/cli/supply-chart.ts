/** A picture of a run in which quantum keys become scarce: pool, rate and mode over time, as SVG. */
import type { KeyingMode } from '#qkd';

/** One moment of such a run. */
export interface SupplySample {
  /** From the beginning, ms. */
  readonly atMs: number;
  /** Keys that can be had without waiting, and keys that fall due within the controller's horizon. */
  readonly storedKeys: number;
  readonly needKeys: number;
  /** What comes from the link as the controller measures it, and what the link gives. */
  readonly keysPerSecond: number;
  readonly linkBitsPerSecond: number;
  readonly mode: KeyingMode;
}

const WIDTH = 960;
const LEFT = 70;
const RIGHT = 20;
const PANEL = 150;
const GAP = 40;
const TOP = 40;

/** One curve of a panel. */
interface Curve {
  readonly name: string;
  readonly colour: string;
  readonly of: (sample: SupplySample) => number;
}

const PANELS: readonly {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
}[] = [
  {
    title: 'Pool and keys due within the horizon',
    unit: 'keys',
    curves: [
      { name: 'pool', colour: '#1f6feb', of: (sample) => sample.storedKeys },
      { name: 'need', colour: '#d29922', of: (sample) => sample.needKeys },
    ],
  },
  {
    title: 'Rate of the link, logarithmic',
    unit: 'log10 bit/s',
    curves: [
      { name: 'link', colour: '#2da44e', of: (sample) => Math.log10(Math.max(1, sample.linkBitsPerSecond)) },
      {
        name: 'measured',
        colour: '#8250df',
        of: (sample) => Math.log10(Math.max(1, sample.keysPerSecond * 256)),
      },
    ],
  },
];

const minutes = { name: 'minutes', ms: 60_000, step: 2 };

/** The whole picture; times in ms from 0, shaded where the controller was in fallback. */
export function supplyChart(samples: readonly SupplySample[]): string {
  const endMs = Math.max(1, samples.at(-1)?.atMs ?? 1);
  const unit = endMs < 400_000 ? { name: 'seconds', ms: 1000, step: 20 } : minutes;
  const x = (atMs: number) => LEFT + ((WIDTH - LEFT - RIGHT) * atMs) / endMs;
  const height = TOP + PANELS.length * (PANEL + GAP) + 20;
  const bottom = TOP + PANELS.length * (PANEL + GAP) - GAP;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<title>Pool of quantum keys, need, rate of the link and mode over time</title>',
    `<rect width="100%" height="100%" fill="white"/>`,
    ...shades(samples).map(
      ([from, to]) =>
        `<rect x="${x(from).toFixed(1)}" y="${TOP}" width="${(x(to) - x(from)).toFixed(1)}" height="${bottom - TOP}" fill="#f6c5c0" opacity="0.5"/>`,
    ),
    `<text x="${LEFT}" y="18">Shaded: fallback to ML-KEM. Time in ${unit.name}.</text>`,
  ];
  for (const [index, panel] of PANELS.entries()) {
    const top = TOP + index * (PANEL + GAP);
    const most = Math.max(1, ...panel.curves.flatMap((curve) => samples.map(curve.of)));
    const y = (value: number) => top + PANEL - (PANEL * value) / most;
    parts.push(
      `<text x="${LEFT}" y="${top - 6}">${panel.title}: ${panel.curves.map((curve) => `<tspan fill="${curve.colour}">${curve.name} </tspan>`).join('')}</text>`,
      `<path d="M${LEFT} ${top}V${top + PANEL}H${WIDTH - RIGHT}" fill="none" stroke="#57606a"/>`,
      `<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${most.toFixed(most < 10 ? 1 : 0)}</text>`,
      `<text x="${LEFT - 6}" y="${top + PANEL}" text-anchor="end">0</text>`,
      `<text x="12" y="${top + PANEL / 2}" transform="rotate(-90 12 ${top + PANEL / 2})" text-anchor="middle">${panel.unit}</text>`,
    );
    for (const { colour, of } of panel.curves) {
      const points = samples.map((sample) => `${x(sample.atMs).toFixed(1)},${y(of(sample)).toFixed(1)}`);
      parts.push(
        `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.2"/>`,
      );
    }
  }
  for (let mark = 0; mark * unit.ms <= endMs; mark += unit.step)
    parts.push(
      `<text x="${x(mark * unit.ms).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${mark}</text>`,
    );
  return [...parts, '</svg>', ''].join('\n');
}

/** Spans in fallback, [from, to] in ms. */
function shades(samples: readonly SupplySample[]): (readonly [number, number])[] {
  const spans: [number, number][] = [];
  let from: number | undefined;
  for (const { atMs, mode } of samples) {
    if (mode === 'fallback') from ??= atMs;
    else if (from !== undefined) {
      spans.push([from, atMs]);
      from = undefined;
    }
  }
  if (from !== undefined) spans.push([from, samples.at(-1)?.atMs ?? from]);
  return spans;
}
