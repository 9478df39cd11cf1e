/**
 * The SCTP binding alone, both ends in this process over loopback: streams as negotiated, long messages both ways, many
 * messages in order, refusals as events, an orderly end and a lost one. Imported by `kernel-sctp.ts`.
 */
import { connectSctp, type KernelAssociation, listenSctp, sendOne } from '../../n3iwf/io/sctp-kernel.ts';
import type { TransportEvent } from '../../n3iwf/n2/transport.ts';
import { until as untilWithin } from './processes.ts';

const port = 38413;
/** 200 kB: beyond what one read takes and beyond the kernel's usual window. */
const longOctets = 204_800;

/** One end, and what it heard. */
interface End {
  readonly association: KernelAssociation;
  readonly messages: { readonly stream: number; readonly data: Uint8Array }[];
  readonly events: TransportEvent[];
  readonly reasons: string[];
}

function listening(association: KernelAssociation): End {
  const end: End = { association, messages: [], events: [], reasons: [] };
  association.onMessage((data, stream) => end.messages.push({ stream, data }));
  association.onEvent((event) => end.events.push(event));
  association.onClosed((reason) => end.reasons.push(reason));
  return end;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  await untilWithin(what, holds, 10, undefined, 2);
}

function demand(what: string, holds: boolean, told: unknown): void {
  if (!holds) throw new Error(`${what}: ${JSON.stringify(told)}`);
}

/** An association whose far end grants four streams. */
async function pair(): Promise<{ near: End; far: End; stop(): void }> {
  const accepted: End[] = [];
  const listener = listenSctp({ local: ['127.0.0.1'], localPort: port, streams: 4 }, (association) =>
    accepted.push(listening(association)),
  );
  const near = listening(await connectSctp({ local: ['127.0.0.1'], localPort: 0 }, ['127.0.0.1'], port));
  await until('accepted', () => accepted.length === 1);
  return { near, far: accepted[0] as End, stop: () => listener.close() };
}

const pattern = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + seed + (at >>> 8)) & 255);

async function longMessages({ near, far }: { near: End; far: End }): Promise<void> {
  for (const [from, to, stream] of [
    [near, far, 1],
    [far, near, 3],
  ] as const) {
    const sent = [pattern(longOctets, stream), pattern(10, stream), pattern(longOctets, stream + 1)];
    for (const data of sent) from.association.send(stream, data);
    await until(`long messages (${JSON.stringify(to.events)})`, () => to.messages.length === sent.length);
    for (const [at, data] of sent.entries()) {
      const received = to.messages[at];
      demand('same octets', received !== undefined && Buffer.compare(received.data, data) === 0, at);
      demand('same stream', received?.stream === stream, received?.stream);
    }
    to.messages.length = 0;
  }
  console.log('messages of 200 kB both ways, whole and on their streams: ok');
}

/** @returns microseconds from a send to the answer's arrival, and from a send to its arrival when many are under way */
async function manyMessages({
  near,
  far,
}: {
  near: End;
  far: End;
}): Promise<{ alone: number; many: number }> {
  const rounds = 500;
  const small = pattern(300, 0);
  far.association.onMessage((data, stream) => far.association.send(stream, data));
  const start = performance.now();
  for (let round = 0; round < rounds; round++) {
    const answered = new Promise<void>((resolve) => near.association.onMessage(() => resolve()));
    near.association.send(2, small);
    await answered;
  }
  const alone = ((performance.now() - start) * 1000) / rounds;
  const order: number[] = [];
  far.association.onMessage((data) => order.push(new DataView(data.buffer).getUint32(0)));
  const count = 5_000;
  const begin = performance.now();
  for (let at = 0; at < count; at++) {
    const data = pattern(300, 0);
    new DataView(data.buffer).setUint32(0, at);
    near.association.send(2, data);
  }
  await until('many messages', () => order.length === count);
  const many = ((performance.now() - begin) * 1000) / count;
  demand(
    'in order',
    order.every((number, at) => number === at),
    'out of order',
  );
  console.log('5000 messages in order, more than the buffer takes: ok');
  return { alone, many };
}

/** What comes with another payload protocol is dropped and told; the next message is taken. */
async function otherProtocol({ near, far }: { near: End; far: End }): Promise<void> {
  far.messages.length = 0;
  far.association.onMessage((data, stream) => far.messages.push({ stream, data }));
  const descriptor = (near.association as unknown as { readonly fd: number }).fd;
  for (const ppid of [0, 61, 0x3c000000])
    demand('sent', sendOne(descriptor, 1, pattern(100, 0), ppid) === 0, ppid);
  near.association.send(1, pattern(5, 0));
  await until('message after dropped ones', () => far.messages.length > 0);
  demand('only NGAP', far.messages.length === 1 && far.messages[0]?.data.length === 5, far.messages.length);
  const dropped = far.events.filter(({ type }) => type === 'messageDropped');
  demand('told', dropped.length === 3, dropped);
  console.log('messages of another payload protocol dropped and told: ok');
}

async function ends({ near, far }: { near: End; far: End }): Promise<void> {
  near.association.send(9, pattern(10, 0));
  await until('refused stream', () => near.events.some(({ type }) => type === 'sendFailed'));
  near.association.close();
  await until('orderly end', () => far.reasons.length === 1);
  demand('reason', far.reasons[0]?.includes('shut the association down') === true, far.reasons);
  demand('silence of the end that closed', near.reasons.length === 0, near.reasons);
  demand(
    'begin of the shutdown',
    far.events.some(({ type }) => type === 'peerShuttingDown'),
    far.events,
  );
  console.log('refused stream and orderly end told as events: ok');
}

async function absentPeer(): Promise<void> {
  const refused = await connectSctp({ local: ['127.0.0.1'], localPort: 0 }, ['127.0.0.1'], port + 1).then(
    () => 'accepted',
    (error: Error) => error.message,
  );
  demand('absent peer', refused.includes('refused'), refused);
}

/** Runs all of it; prints one line a step. @throws Error naming the step that does not hold */
export async function messages(): Promise<void> {
  const ready = await pair();
  const { near, far } = ready;
  await until('established', () => near.events.length > 0);
  demand('streams as negotiated', near.association.streams === 4 && far.association.streams === 4, [
    near.association.streams,
    far.association.streams,
    near.events,
  ]);
  await longMessages(ready);
  const { alone, many } = await manyMessages(ready);
  console.log(`round trip of one message ${alone.toFixed(0)} us, one way of many ${many.toFixed(0)} us`);
  await otherProtocol(ready);
  await ends(ready);
  ready.stop();
  await absentPeer();
}
