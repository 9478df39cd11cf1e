/** What is known of each IKE SA and its Child SAs that live now: names, numbers, ages. Key IDs, never a key. */
import type { IkeEvent, PpkIdentity, SocketAddress } from '#ikev2';

/**
 * What the keys of an SA rest on. `hybrid` is a quantum key and ML-KEM together, `qkd` a quantum key and a classical
 * exchange, `pqc` ML-KEM alone, `classical` neither. A key used for AUTH alone adds no confidentiality and does not count.
 */
export type KeyMode = 'hybrid' | 'qkd' | 'pqc' | 'classical';

/** One Child SA. Times in ms of the node's clock. */
export interface ChildEntry {
  readonly childSaId: number;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly suite: string;
  /** ID of the quantum key: its own, or that of its IKE SA. */
  readonly keyId: string | undefined;
  readonly mode: KeyMode;
  readonly udpEncapsulation: boolean;
  /** When its keys were made. */
  readonly keyedMs: number;
  /** Rekeys of it and its forerunners. */
  readonly rekeys: number;
}

/** One IKE SA. */
export interface IkeEntry {
  readonly ikeSaId: number;
  spiInitiator: Uint8Array;
  spiResponder: Uint8Array;
  suite: string;
  local: SocketAddress;
  remote: SocketAddress;
  /** Which side sits behind a NAT, or claims to. */
  nat: { readonly local: boolean; readonly remote: boolean };
  established: boolean;
  /** How the node proved itself, as the engine names it; empty before. */
  auth: string;
  /** ID of the quantum key behind the node's AUTH. */
  authKeyId: string | undefined;
  /** ID of the quantum key that its keys rest on. */
  keyId: string | undefined;
  /** ML-KEM went into its keys, or into those of an SA that it replaced: SK_d carries that on. */
  hasMlKem: boolean;
  readonly startedMs: number;
  keyedMs: number;
  rekeys: number;
  ueId: number | undefined;
  readonly children: Map<number, ChildEntry>;
}

const decoder = new TextDecoder();

/** The text of a key ID; undefined where there is none. */
export function keyIdOf(identity: Pick<PpkIdentity, 'data'> | undefined): string | undefined {
  return identity === undefined ? undefined : decoder.decode(identity.data);
}

/** What keys of an SA rest on, those of the IKE SA itself when `keyId` is its own. */
export function keyModeOf({ keyId, hasMlKem }: Pick<IkeEntry, 'keyId' | 'hasMlKem'>): KeyMode {
  if (keyId !== undefined) return hasMlKem ? 'hybrid' : 'qkd';
  return hasMlKem ? 'pqc' : 'classical';
}

const usesMlKem = (suite: string): boolean => /mlkem/i.test(suite);

/** A pair of SPIs as a key of a map. */
function spiKey(spiInitiator: Uint8Array, spiResponder: Uint8Array): string {
  return `${Buffer.from(spiInitiator).toString('latin1')}${Buffer.from(spiResponder).toString('latin1')}`;
}

type EventOf<T extends IkeEvent['type']> = Extract<IkeEvent, { type: T }>;
type Handlers = { [T in IkeEvent['type']]?: (entry: IkeEntry, event: EventOf<T>, now: number) => void };

/** What each event changes in the entry of its SA. */
const handlers: Handlers = {
  sharedSecretRequested: (entry, { keyId }) => {
    if (keyId !== undefined) entry.authKeyId = decoder.decode(keyId);
  },
  ikeSaEstablished: (entry, { auth, suite, ppkIdentity }) => {
    Object.assign(entry, { established: true, auth, suite, keyId: keyIdOf(ppkIdentity) });
  },
  addressChanged: (entry, { local, remote }) => {
    Object.assign(entry, { local, remote });
  },
  childSaEstablished: (entry, { child, rekeyed, redundant }, now) => {
    if (redundant === true) return; // goes at once
    const keyId = keyIdOf(child.ppkIdentity);
    const forerunner = rekeyed === undefined ? undefined : entry.children.get(rekeyed);
    entry.children.set(child.id, {
      childSaId: child.id,
      spiIn: child.spiIn,
      spiOut: child.spiOut,
      suite: child.suiteName,
      keyId,
      mode: keyModeOf({ keyId, hasMlKem: entry.hasMlKem }),
      udpEncapsulation: child.udpEncapsulation,
      keyedMs: now,
      rekeys: rekeyed === undefined ? 0 : (forerunner?.rekeys ?? 0) + 1,
    });
  },
  childSaDeleted: (entry, { childSaId }) => void entry.children.delete(childSaId),
};

/** Handle: {@link note}. Read: {@link of}, {@link bySpis}. An entry lives from IKE_SA_INIT until its SA is closed. */
export class SaBook {
  private readonly entries = new Map<number, IkeEntry>();
  private readonly spis = new Map<string, IkeEntry>();
  /** SPIs of the SA before the last rekey, by the number of the present one: its last messages are still to come. */
  private readonly formerSpis = new Map<number, string>();

  /** Takes one event of the IKE engine, at a time in ms of the node's clock. */
  note(event: IkeEvent, now: number): void {
    if (event.type === 'ikeSaInitCompleted') this.begin(event, now);
    const entry = event.ikeSaId === undefined ? undefined : this.entries.get(event.ikeSaId);
    if (entry === undefined) return;
    const handler = handlers[event.type] as
      | ((entry: IkeEntry, event: IkeEvent, now: number) => void)
      | undefined;
    handler?.(entry, event, now);
    if (event.type === 'ikeSaRekeyed') this.rekey(entry, event, now);
    if (event.type === 'ikeSaClosed') this.end(entry);
  }

  /** One SA by its handle. */
  of(ikeSaId: number): IkeEntry | undefined {
    return this.entries.get(ikeSaId);
  }

  /** One SA by both SPIs of a message. */
  bySpis(spiInitiator: Uint8Array, spiResponder: Uint8Array): IkeEntry | undefined {
    return this.spis.get(spiKey(spiInitiator, spiResponder));
  }

  /** SAs in the book, half-open ones included. */
  get size(): number {
    return this.entries.size;
  }

  [Symbol.iterator](): Iterator<IkeEntry> {
    return this.entries.values();
  }

  private begin(event: EventOf<'ikeSaInitCompleted'>, now: number): void {
    const { ikeSaId, spiInitiator, spiResponder, suite, local, remote, natDetected } = event;
    const entry: IkeEntry = {
      ...{ ikeSaId, spiInitiator, spiResponder, suite, local, remote, nat: natDetected },
      ...{ established: false, auth: '', authKeyId: undefined, keyId: undefined, ueId: undefined },
      hasMlKem: usesMlKem(suite),
      ...{ startedMs: now, keyedMs: now, rekeys: 0, children: new Map() },
    };
    this.entries.set(ikeSaId, entry);
    this.spis.set(spiKey(spiInitiator, spiResponder), entry);
  }

  private rekey(entry: IkeEntry, event: EventOf<'ikeSaRekeyed'>, now: number): void {
    const { spiInitiator, spiResponder, suite, ppkIdentity } = event;
    this.forget(entry, this.formerSpis.get(entry.ikeSaId));
    this.formerSpis.set(entry.ikeSaId, spiKey(entry.spiInitiator, entry.spiResponder));
    const keyId = keyIdOf(ppkIdentity);
    Object.assign(entry, { spiInitiator, spiResponder, suite, keyId, keyedMs: now });
    entry.hasMlKem ||= usesMlKem(suite);
    entry.rekeys++;
    this.spis.set(spiKey(spiInitiator, spiResponder), entry);
  }

  private end(entry: IkeEntry): void {
    this.entries.delete(entry.ikeSaId);
    this.forget(entry, spiKey(entry.spiInitiator, entry.spiResponder));
    this.forget(entry, this.formerSpis.get(entry.ikeSaId));
    this.formerSpis.delete(entry.ikeSaId);
  }

  /** SPIs that another SA has by now stay with that one. */
  private forget(entry: IkeEntry, key: string | undefined): void {
    if (key !== undefined && this.spis.get(key) === entry) this.spis.delete(key);
  }
}
