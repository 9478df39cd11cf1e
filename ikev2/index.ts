/** The door of the IKEv2 core: everything that other folders may use of it. */

export type * from './configuration.ts';
export * from './crypto/auth-evidence.ts';
export { createCipher } from './crypto/cipher.ts';
export * from './crypto/keywords.ts';
export { encapsulateByNode } from './crypto/ml-kem.ts';
export { concatOctets, equalOctets } from './crypto/octets.ts';
export { describeEspSuite, describeIkeSuite, ENCR_ALGORITHMS, INTEG_ALGORITHMS } from './crypto/suites.ts';
export type * from './crypto/types.ts';
export { IkeEndpoint } from './endpoint.ts';
export type * from './output.ts';
export type * from './ports.ts';
export { DEFAULT_TIMERS } from './sa/timers.ts';
export type * from './terms.ts';
export type * from './timing.ts';
export * from './wire/cursor.ts';
export * from './wire/describe.ts';
export * from './wire/errors.ts';
export * from './wire/message.ts';
export * from './wire/registry.ts';
export { checkPayloads } from './wire/rules.ts';
export type * from './wire/types.ts';
