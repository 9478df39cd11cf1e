export type { DrawnKey, SaKey, UeAddresses, UeConfig, UeEvent, UePorts } from './config.ts';
export {
  type NameService,
  operatorFqdn,
  type SelectedN3iwf,
  type SelectionInput,
  selectN3iwf,
  trackingAreaFqdn,
  visitedCountryFqdn,
} from './n3iwf-selection.ts';
export { SimulatedUe } from './ue.ts';
