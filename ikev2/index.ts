/** The door of the IKEv2 core: everything that other folders may use of it. */

export { IkeEndpoint } from './endpoint.ts';
export * from './output.ts';
export * from './wire/cursor.ts';
