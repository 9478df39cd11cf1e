export type { StubCoreConfig, StubSubscriber } from './config.ts';
export type { CallBack, SbiRequest, SbiResponse } from './http.ts';
export { decodePayload, encodeMultipart } from './multipart.ts';
export { StubCore, type StubCorePorts } from './stub-core.ts';
