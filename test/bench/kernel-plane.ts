import { runUnderUml } from '../lab/uml.ts';

/** One way through one plane; rates are per second of the clock, and µs those that the node adds to a packet's way. */
export interface KernelPlaneRow {
  readonly name: string;
  readonly octets: number;
  readonly perSecond: number;
  readonly nodeUs: number;
  /** Of the node's µs to those of the userspace plane, in the same run. */
  readonly ratio: number;
}

/** One measurement; `direct` goes past the node. */
export interface Measured {
  readonly plane: 'userspace' | 'kernel';
  readonly direction: 'up' | 'down' | 'direct';
  readonly octets: number;
  readonly perSecond: number;
}

const limitSeconds = 900;

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/** Medians, with the time of the two ends taken off. */
export function rowsOf(all: readonly Measured[]): KernelPlaneRow[] {
  const rate = (plane: string, direction: string, octets: number) =>
    median(
      all
        .filter((one) => one.plane === plane && one.direction === direction && one.octets === octets)
        .map(({ perSecond }) => perSecond),
    );
  return [...new Set(all.map(({ octets }) => octets))].flatMap((octets) => {
    const ends = 1e6 / rate('userspace', 'direct', octets);
    const nodeUs = (plane: string, direction: string) => 1e6 / rate(plane, direction, octets) - ends;
    return ['up', 'down'].flatMap((direction) =>
      ['userspace', 'kernel'].map((plane) => ({
        name: `${plane}, ${direction}`,
        octets,
        perSecond: rate(plane, direction, octets),
        nodeUs: Number(nodeUs(plane, direction).toFixed(1)),
        ratio: Number((nodeUs(plane, direction) / nodeUs('userspace', direction)).toFixed(2)),
      })),
    );
  });
}

/**
 * Both user planes in one user-mode kernel with one processor, in turns: packets per second from a UE to a UPF and back.
 * Of the time for a packet, that of its two ends is taken off, as measured without a node in between. The kernel's AES is
 * plain C there, where a real one uses the processor's own, and calls into it are dear: only the ratio says something.
 */
export async function run(
  options: { rounds?: number; ms?: number } = {},
): Promise<readonly KernelPlaneRow[]> {
  const { rounds = 3, ms = 3000 } = options;
  const argv = [String(rounds), String(ms)];
  const { done, output } = await runUnderUml('plane-throughput.ts', limitSeconds, argv);
  if (!done.includes('measured: ok')) throw new Error(`nothing was measured: ${output.slice(-2000)}`);
  const lines = output.split('\n').filter((line) => line.startsWith('{"plane"'));
  return rowsOf(lines.map((line) => JSON.parse(line) as Measured));
}
