import { type IkeEvent, PPK_ID_TYPE } from '#ikev2';
import type { KeyReply } from '#qkd';
import type { Node } from '../node.ts';
import { rankOfExchange } from './keying-subject.ts';

const decoder = new TextDecoder('utf-8', { fatal: false });
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A key of the store, with its ID. */
interface FoundKey {
  readonly keyId: string;
  readonly secret: Uint8Array;
}

/**
 * The UE named the QKD key that its SAs shall depend on: fetch it from our own KME by that ID [RFC8784 3]. For an SA that
 * we start ourselves we draw a key and name it [RFC9867 3.2]. An ID that is no UUID never reaches the KME. The engine
 * gets no PPK when there is none, and refuses or goes on without by its configuration.
 */
export function onPpkRequested(node: Node, event: Extract<IkeEvent, { type: 'ppkRequested' }>): void {
  const { ikeSaId, identity, request } = event;
  const give = (found: FoundKey | undefined) => {
    const name = (keyId: string) => ({ type: PPK_ID_TYPE.FIXED, data: new TextEncoder().encode(keyId) });
    const ppk = found === undefined ? undefined : { secret: found.secret, identity: name(found.keyId) };
    node.ike((engine, now) => engine.providePpk(now, ikeSaId, ppk, request));
  };
  if (identity === undefined) drawByPolicy(node, event, give);
  else if (!node.keying.named(node.now())) {
    node.log.warn({ ikeSa: ikeSaId }, 'the QKD key that the UE names is not taken: the link is distrusted');
    give(undefined);
  } else {
    const keyId = identity.type === PPK_ID_TYPE.FIXED ? decoder.decode(identity.data) : undefined;
    fetchKey(node, ikeSaId, keyId, 'PPK', give);
  }
}

/** Both ends have a key of that name and not the same one: the pools are out of step, which an operator has to know. */
export function onPpkMismatch(node: Node, event: Extract<IkeEvent, { type: 'ppkMismatch' }>): void {
  const keyId = decoder.decode(event.identity.data);
  node.log.error({ ikeSa: event.ikeSaId, keyId }, 'the UE has another QKD key under this ID');
}

/** The key of the node's own AUTH: a pre-shared one, or the QKD key whose ID the UE named. */
export function onSharedSecretRequested(
  node: Node,
  { ikeSaId, peerId, keyId }: Extract<IkeEvent, { type: 'sharedSecretRequested' }>,
): void {
  const answer = (secret: Uint8Array | undefined) =>
    node.ike((engine, now) => engine.provideSharedSecret(now, ikeSaId, secret));
  if (keyId === undefined) answer(node.identity.preSharedKey(decoder.decode(peerId.data)));
  else fetchKey(node, ikeSaId, decoder.decode(keyId), 'AUTH', (found) => answer(found?.secret));
}

/** The key of that ID, from our own KME. What is no UUID, or comes without a KME, is none. */
function fetchKey(
  node: Node,
  ikeSaId: number,
  keyId: string | undefined,
  use: string,
  give: (found: FoundKey | undefined) => void,
): void {
  if (keyId === undefined || !uuid.test(keyId) || node.keys === undefined) {
    node.log.warn({ ikeSa: ikeSaId, use }, 'the UE names no usable QKD key ID');
    give(undefined);
    return;
  }
  awaitKey(node, ikeSaId, use, node.keys.fetch(node.identity.ueSaeId, keyId), give);
}

/**
 * An exchange of ours wants a key: whether it gets one is the policy's decision, since keys may be too few for all. An SA
 * without one rests on the key exchanges of its IKE SA, or is not made where the policy wants a quantum key.
 */
function drawByPolicy(
  node: Node,
  { ikeSaId, purpose }: Extract<IkeEvent, { type: 'ppkRequested' }>,
  give: (found: FoundKey | undefined) => void,
): void {
  const wish = purpose === undefined ? undefined : { ikeSaId, purpose };
  const keying =
    wish === undefined
      ? 'qkd'
      : node.keying.choose(node.now(), wish, rankOfExchange(node, ikeSaId, wish.purpose));
  if (keying === 'qkd' || keying === 'hybrid') {
    drawKey(node, ikeSaId, (found) => {
      if (found === undefined && wish !== undefined) node.keying.notHad(wish);
      give(found);
    });
    return;
  }
  const told = { ikeSa: ikeSaId, for: purpose?.kind, mode: node.keying.state?.reason };
  if (keying === 'refuse') node.log.warn(told, 'no QKD key is left for an SA that must have one');
  else node.log.info(told, 'an SA goes on without a QKD key while they are scarce');
  give(undefined);
}

/** A key of our own choice, for the UE to fetch by its ID. */
function drawKey(node: Node, ikeSaId: number, give: (found: FoundKey | undefined) => void): void {
  if (node.keys === undefined) give(undefined);
  else awaitKey(node, ikeSaId, 'PPK', node.keys.obtain(node.identity.ueSaeId), give);
}

/** Gives the key on when it comes; meanwhile the engine's set-up timer runs, so a KME that never answers ends the UE alone. */
function awaitKey(
  node: Node,
  ikeSaId: number,
  use: string,
  coming: Promise<KeyReply>,
  give: (found: FoundKey | undefined) => void,
): void {
  const askedMs = node.now();
  node.keyUses.expectKey(ikeSaId);
  const took = (result: string) =>
    node.journal.procedures.took('kme', `${use} key`, result, node.now() - askedMs);
  coming.then(
    (reply) => {
      took(reply.status === 'ok' ? 'success' : reply.reason);
      useReply(node, ikeSaId, use, reply, give);
    },
    (error: unknown) => {
      took('failure');
      node.log.error({ ikeSa: ikeSaId, use, error: String(error) }, 'the key store failed');
      give(undefined);
    },
  );
}

/** Lends the key to the engine, which copies it, and wipes ours. */
function useReply(
  node: Node,
  ikeSaId: number,
  use: string,
  reply: KeyReply,
  give: (found: FoundKey | undefined) => void,
): void {
  if (reply.status !== 'ok') {
    node.log.warn(
      { ikeSa: ikeSaId, use, reason: reply.reason, detail: reply.detail },
      'no QKD key for the UE',
    );
    give(undefined);
    return;
  }
  node.log.info(
    { ikeSa: ikeSaId, use, keyId: reply.keyId, ageMs: reply.ageMs },
    'QKD key taken from the store',
  );
  if (!node.keyUses.note(ikeSaId, reply.keyId)) void node.keys?.retire?.(reply.keyId);
  try {
    reply.secret.use((secret) => give({ keyId: reply.keyId, secret }));
  } finally {
    reply.secret.wipe();
  }
}
