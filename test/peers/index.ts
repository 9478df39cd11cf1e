/** The door of the simulated peers; the lab commands load it lazily. */
export * from './core/index.ts';
export * from './ue/index.ts';
