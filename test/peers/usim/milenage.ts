import { createCipheriv } from 'node:crypto';

/** What Milenage makes of one challenge; octets as TS 35.206 names them. */
export interface MilenageOutput {
  /** f1: MAC-A, 8 octets. */
  readonly macA: Uint8Array;
  /** f1*: MAC-S, 8 octets. */
  readonly macS: Uint8Array;
  /** f2: RES, 8 octets. */
  readonly res: Uint8Array;
  /** f3: CK, 16 octets. */
  readonly ck: Uint8Array;
  /** f4: IK, 16 octets. */
  readonly ik: Uint8Array;
  /** f5: AK, 6 octets. */
  readonly ak: Uint8Array;
  /** f5*: AK for re-synchronisation, 6 octets. */
  readonly akStar: Uint8Array;
}

const block = 16;

function encryptBlock(key: Uint8Array, input: Uint8Array): Uint8Array {
  return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(input);
}

export function xor(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((octet, at) => octet ^ (other[at] ?? 0));
}

/** OPc of an operator's OP for the subscriber key `k`, all of 16 octets. */
export function deriveOpc(k: Uint8Array, op: Uint8Array): Uint8Array {
  return xor(encryptBlock(k, op), op);
}

/** Rotation in octets and the last octet of the constant, for OUT2 to OUT5 [TS35206 4.1]. */
const outputs = {
  out2: { rotate: 0, constant: 1 },
  out3: { rotate: 4, constant: 2 },
  out4: { rotate: 8, constant: 4 },
  out5: { rotate: 12, constant: 8 },
} as const;

/** All functions f1 to f5* at once. `sqn` has 6 octets, `amf` 2, all others 16 [TS35206 4.1]. */
export function milenage(
  k: Uint8Array,
  opc: Uint8Array,
  rand: Uint8Array,
  sqn: Uint8Array,
  amf: Uint8Array,
): MilenageOutput {
  const temp = encryptBlock(k, xor(rand, opc));
  const in1 = Uint8Array.from([...sqn, ...amf, ...sqn, ...amf]);
  const out1 = xor(encryptBlock(k, xor(temp, rotate(xor(in1, opc), 8))), opc);
  const out = (name: keyof typeof outputs): Uint8Array => {
    const input = rotate(xor(temp, opc), outputs[name].rotate);
    input[block - 1] = (input[block - 1] ?? 0) ^ outputs[name].constant;
    return xor(encryptBlock(k, input), opc);
  };
  const out2 = out('out2');
  return {
    macA: out1.subarray(0, 8),
    macS: out1.subarray(8),
    res: out2.subarray(8),
    ck: out('out3'),
    ik: out('out4'),
    ak: out2.subarray(0, 6),
    akStar: out('out5').subarray(0, 6),
  };
}

/** Cyclic rotation towards the first octet. */
function rotate(octets: Uint8Array, by: number): Uint8Array {
  return Uint8Array.from({ length: block }, (_, at) => octets[(at + by) % block] ?? 0);
}
