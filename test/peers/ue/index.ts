export type { DrawnKey, SaKey, UeAddresses, UeConfig, UeEvent, UePorts } from './config.ts';
export { SimulatedUe } from './ue.ts';
