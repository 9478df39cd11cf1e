export type { DrawnKey, UeAddresses, UeConfig, UeEvent, UePorts } from './config.ts';
export { SimulatedUe } from './ue.ts';
