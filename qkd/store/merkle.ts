/**
 * The Merkle tree of RFC 6962 2.1 over SHA-256: leaves and nodes are hashed with different prefixes, so that neither can
 * pass for the other. {@link MerkleTree} keeps one hash per level only and takes leaves one by one.
 */
import { createHash, hash } from 'node:crypto';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** [RFC6962 2.1] The hash of one entry: SHA-256(0x00 || entry). */
export function leafHash(entry: Uint8Array | string): Uint8Array {
  return createHash('sha256').update(LEAF).update(entry).digest();
}

/** [RFC6962 2.1] The hash of a node: SHA-256(0x01 || left || right). */
function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(NODE).update(left).update(right).digest();
}

/** A tree that grows to the right. */
export class MerkleTree {
  /** At index n: the root of a whole subtree of 2^n leaves, present where the size has that bit. */
  readonly #whole: (Uint8Array | undefined)[] = [];
  #size = 0;

  /** The tree of so many leaves whose whole subtrees have these roots, as {@link peaks} gives them; undefined for others. */
  static of(size: number, peaks: readonly Uint8Array[]): MerkleTree | undefined {
    const tree = new MerkleTree();
    const given = peaks.values();
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    // By division: a size may have more bits than a shift takes.
    for (let left = size, level = 0; left > 0; left = Math.floor(left / 2), level++) {
      if (left % 2 === 0) continue;
      const peak = given.next().value;
      if (peak?.length !== 32) return undefined;
      tree.#whole[level] = peak;
    }
    if (given.next().done !== true) return undefined;
    tree.#size = size;
    return tree;
  }

  /** Roots of the whole subtrees, the smallest first: what it takes to let the tree grow on elsewhere. */
  peaks(): readonly Uint8Array[] {
    return this.#whole.filter((whole) => whole !== undefined);
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size;
  }

  /** Takes the next leaf, 32 octets made by {@link leafHash}. */
  add(leaf: Uint8Array): void {
    let carried = leaf;
    let level = 0;
    for (let left = this.#whole[level]; left !== undefined; left = this.#whole[++level]) {
      carried = nodeHash(left, carried);
      this.#whole[level] = undefined;
    }
    this.#whole[level] = carried;
    this.#size++;
  }

  /** [RFC6962 2.1] The tree head over all leaves so far; of none: the hash of nothing. */
  root(): Uint8Array {
    let right: Uint8Array | undefined;
    for (const whole of this.#whole) {
      if (whole === undefined) continue;
      right = right === undefined ? whole : nodeHash(whole, right);
    }
    return right ?? hash('sha256', '', 'buffer');
  }
}
