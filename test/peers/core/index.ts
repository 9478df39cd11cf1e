export type { CoreEvent } from './amf.ts';
export type { CoreConfig, Refusal, Subscriber } from './config.ts';
export { type CorePorts, SimulatedCore } from './core.ts';
