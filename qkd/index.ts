/** The door of the key part: keys by ETSI GS QKD 014, a store that gives each key once, and a simulated quantum link. */
export { type JsonObject, type JsonValue, parseJson } from './codec/json.ts';
export {
  Etsi004Source,
  type KeyStreamPort,
  STREAM_STATUS,
  type StreamQos,
  streamIdOf,
} from './etsi004/key-source.ts';
export {
  type ClientError,
  Etsi014Client,
  type Etsi014Options,
  type KmeRequest,
  type KmeResponse,
  type KmeTransport,
  KmeTransportError,
} from './etsi014/client.ts';
export {
  type ProbeFinding,
  type ProbeReport,
  type ProbeTarget,
  probeKme,
} from './etsi014/conformance.ts';
export {
  type KmeCounts,
  type KmeLink,
  KmeNetwork,
  type KmeNode,
  type LaidOut,
} from './etsi014/kme-network.ts';
export {
  DEFAULT_LIMITS,
  type KmeLimits,
  KmeServer,
  type ServerAnswer,
  type ServerRequest,
} from './etsi014/kme-server.ts';
export { KME_QUIRKS, type KmeQuirkName, type KmeQuirks } from './etsi014/quirks.ts';
export { type DeliveredKey, isKeyId, type Status } from './etsi014/types.ts';
export {
  decodeKeyFile,
  encodeKeyFile,
  type KeyFile,
  KeyFileSource,
  type SpentKeys,
} from './file/key-file.ts';
export { GYS_OPTICS, type LinkYield, linkYield, type Optics } from './link/decoy-bb84.ts';
export { type AlarmChange, type AlarmSettings, DEFAULT_ALARM, LinkAlarm } from './link/link-alarm.ts';
export {
  type Ageing,
  DEFAULT_LINK,
  type Gusts,
  type LinkFault,
  type LinkProfile,
  LinkSimulator,
  type LinkState,
} from './link/link-simulator.ts';
export { LINK_PROFILES, type LinkProfileName, METRO_RING } from './link/profiles.ts';
export {
  type ClassRule,
  type ClassTable,
  classFaults,
  DEFAULT_CLASSES,
  type KeyingClass,
  type KeyingSubject,
  rankOf,
} from './policy/classes.ts';
export {
  type ControllerSettings,
  DEFAULT_SETTINGS,
  KeyingController,
  type KeyingMode,
  type KeyingState,
  MODE_REASONS,
  type ModeReason,
  type Supply,
} from './policy/controller.ts';
export { type BookedKeying, type BookedSa, DemandForecast } from './policy/forecast.ts';
export { KEYING_POLICIES, type Keying, type KeyingPolicy, takesQuantumKeys } from './policy/policies.ts';
export type { Result } from './result.ts';
export { Secret } from './secret.ts';
export { SkipClient } from './skip/client.ts';
export { type SkipCapabilities, skipIdOfUuid, uuidOfSkipId } from './skip/messages.ts';
export { type SkipAnswer, SkipServer, type SkipServerOptions } from './skip/server.ts';
export { keyReference } from './store/audit.ts';
export { AuditRotation, type AuditRotationParts } from './store/audit-rotation.ts';
export {
  type AuditArchive,
  type AuditSegment,
  readSegmentHead,
  readSegmentLine,
} from './store/audit-segment.ts';
export {
  type AuditFault,
  type AuditVerdict,
  auditFollows,
  type TreeHead,
  verifyAudit,
} from './store/audit-verify.ts';
export {
  type CheckpointError,
  readCheckpoints,
  signsCheckpoints,
  writeCheckpoint,
} from './store/checkpoint.ts';
export { AuditBrokenError, Checkpointer, type CheckpointerParts } from './store/checkpointer.ts';
export type { OthersIncident, Quarantined } from './store/incident-book.ts';
export type {
  AuditBase,
  AuditRow,
  Change,
  Done,
  EpochRow,
  IncidentRow,
  KeyRole,
  KeyRow,
  KeyStorage,
  MaybePromise,
  Selection,
} from './store/key-storage.ts';
export { type KeyCounts, type KeySource, KeyStore, type KeyStoreParts } from './store/key-store.ts';
export type { Retention } from './store/ledger.ts';
export { ENDED_STATES, KEY_STATES, type KeyState, SEALED_STATES } from './store/lifecycle.ts';
export type { PoolMarks } from './store/master-pool.ts';
export { MemoryKeyStorage } from './store/memory-key-storage.ts';
export {
  type KeyGranted,
  type KeyRefused,
  type KeyReply,
  REFUSAL_REASONS,
  type RefusalReason,
} from './store/reply.ts';
export type { KeyEncryption } from './store/sealer.ts';
export { CUT_REFUSED, KeyStorageError, STORAGE_FAULTS, type StorageFault } from './store/storage-error.ts';
export type { Clock } from './store/store-clock.ts';
export type { StorageTrouble } from './store/watched-storage.ts';
