import { ID_TYPE, type Identity, type PpkIdentity } from '#ikev2';
import type { KeyReply } from '#qkd';
import type { Node } from '../node.ts';

const decoder = new TextDecoder('utf-8', { fatal: false });
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * The UE named the QKD key that its SAs shall depend on: fetch it from our own KME by that ID [RFC8784 3].
 * An ID that is no UUID never reaches the KME. The engine gets no PPK when there is none, and refuses or goes on
 * without by its configuration.
 */
export function onPpkRequested(node: Node, ikeSaId: number, identity: PpkIdentity | undefined): void {
  const keyId = identity?.type === 2 ? decoder.decode(identity.data) : undefined;
  fetchKey(node, ikeSaId, keyId, 'PPK', (secret) => {
    node.ike((engine, now) => engine.providePpk(now, ikeSaId, secret === undefined ? undefined : { secret }));
  });
}

/** The key of the node's own AUTH: a pre-shared one, or the QKD key whose ID the UE asked for as our identity. */
export function onSharedSecretRequested(
  node: Node,
  ikeSaId: number,
  localId: Identity,
  peerId: Identity,
): void {
  const answer = (secret: Uint8Array | undefined) =>
    node.ike((engine, now) => engine.provideSharedSecret(now, ikeSaId, secret));
  const named = decoder.decode(localId.data);
  if (localId.type === ID_TYPE.KEY_ID && uuid.test(named)) {
    fetchKey(node, ikeSaId, named, 'AUTH', answer);
  } else {
    answer(node.identity.preSharedKey(decoder.decode(peerId.data)));
  }
}

function fetchKey(
  node: Node,
  ikeSaId: number,
  keyId: string | undefined,
  use: string,
  give: (secret: Uint8Array | undefined) => void,
): void {
  if (keyId === undefined || !uuid.test(keyId) || node.keys === undefined) {
    node.log.warn({ ikeSa: ikeSaId, use }, 'the UE names no usable QKD key ID');
    give(undefined);
    return;
  }
  node.keys.fetch(node.identity.ueSaeId, keyId).then(
    (reply) => useReply(node, ikeSaId, use, reply, give),
    (error: unknown) => {
      node.log.error({ ikeSa: ikeSaId, keyId, use, error: String(error) }, 'the key store failed');
      give(undefined);
    },
  );
}

function useReply(
  node: Node,
  ikeSaId: number,
  use: string,
  reply: KeyReply,
  give: (secret: Uint8Array | undefined) => void,
): void {
  if (reply.status !== 'ok') {
    node.log.warn(
      { ikeSa: ikeSaId, use, reason: reply.reason, detail: reply.detail },
      'no QKD key for the UE',
    );
    give(undefined);
    return;
  }
  node.log.info({ ikeSa: ikeSaId, use, keyId: reply.keyId, ageMs: reply.ageMs }, 'QKD key fetched by its ID');
  node.keyUses.note(ikeSaId, reply.keyId);
  try {
    reply.secret.use(give);
  } finally {
    reply.secret.wipe();
  }
}
