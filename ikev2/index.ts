/** The door of the IKEv2 core: everything that other folders may use of it. */

export type * from './crypto/types.ts';
export { IkeEndpoint } from './endpoint.ts';
export * from './output.ts';
export * from './wire/cursor.ts';
export * from './wire/errors.ts';
export * from './wire/message.ts';
export * from './wire/registry.ts';
export {
  CP_ATTRIBUTE as cpAttribute,
  ID_TYPE as identityType,
  NOTIFY as notifyType,
} from './wire/registry.ts';
export type * from './wire/types.ts';
