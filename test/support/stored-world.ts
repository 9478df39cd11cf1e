/** A world whose node has a real key store. */
import { expect } from 'vitest';
import type { KeyReply, KeyStore } from '#qkd';
import type { KeySource } from '../../n3iwf/node.ts';
import type { KeyPolicy } from '../../n3iwf/nwu/key-policy.ts';
import { type FakeKme, keyOf } from '../qkd/store/fixtures.ts';
import { World } from './world.ts';

/** One UE, attached and with a session, on a node that takes its keys from a store; keys that the UE names wait at the KME. */
export async function attachedOver(
  store: KeyStore,
  kme: FakeKme,
  policy: KeyPolicy,
  firstNumber = 7000,
): Promise<World> {
  const drawn = new Map<string, Uint8Array>();
  let next = firstNumber;
  const take = (reply: KeyReply): KeyReply => {
    if (reply.status === 'ok')
      drawn.set(
        reply.keyId,
        reply.secret.use((octets) => Uint8Array.from(octets)),
      );
    return reply;
  };
  const pending = new Set<Promise<unknown>>();
  const awaited = <T>(asked: Promise<T>): Promise<T> => {
    pending.add(asked);
    return asked.finally(() => pending.delete(asked));
  };
  const node: KeySource = {
    obtain: (peer) => awaited(store.obtain(peer).then(take)),
    fetch: (peer, keyId) => awaited(store.fetch(peer, keyId)),
  };
  const world = new World({
    ppk: 'rfc9867',
    policy,
    proposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
    ue: {
      ikeProposals: ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
      ppkOptional: policy === 'qkd-preferred',
    },
    keys: {
      node,
      draw: async () => {
        const { keyId, secret } = keyOf(`0a782fb5-3434-48fe-aa4d-14f41d4${String(next++).padStart(5, '0')}`);
        kme.waiting.add(keyId);
        return { keyId, secret: secret.use((octets) => Uint8Array.from(octets)) };
      },
      find: async (keyId) => ({ keyId, secret: drawn.get(keyId) ?? new Uint8Array(0) }),
    },
  });
  waitFor(world, pending);
  await world.register();
  await world.openSession();
  expect(await world.ping()).toBe(true);
  return world;
}

/** The time of a world stands still while a store of it is asked: its disk or database has a time of its own. */
function waitFor(world: World, pending: ReadonlySet<Promise<unknown>>): void {
  const settle = world.settle.bind(world);
  world.settle = async () => {
    await settle();
    while (pending.size > 0) {
      await Promise.allSettled(pending);
      await settle();
    }
  };
}
