export { EndpointPage } from './EndpointPage';
export { EndpointsPanel } from './EndpointsPanel';
export { foldEndpoints, type EndpointsState } from './model';
