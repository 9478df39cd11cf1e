/** NAS of the 5G system as both simulated peers speak it: codec, identities, security. */
export * from './codec.ts';
export * from './identities.ts';
export { MESSAGES, type MessageName, type NasMessage, type NasMessageOf } from './messages.ts';
export * from './security.ts';
