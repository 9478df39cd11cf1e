import type {
  ChildSaRequest,
  EndpointConfig,
  EndpointPorts,
  IkeSaId,
  IkeSaSummary,
  InitiatorProfile,
  Output,
  Ppk,
} from './output.ts';
import type { SocketAddress } from './wire/types.ts';

/** All IKE SAs of one node, sans-I/O. */
export class IkeEndpoint {
  constructor(_config: EndpointConfig, _ports: EndpointPorts) {}
  receive(_now: number, _datagram: Uint8Array, _local: SocketAddress, _remote: SocketAddress): Output[] {
    return [];
  }
  tick(_now: number): Output[] {
    return [];
  }
  deadline(): number | undefined {
    return undefined;
  }
  connect(
    _now: number,
    _local: SocketAddress,
    _remote: SocketAddress,
    _profile: InitiatorProfile,
  ): { ikeSaId: IkeSaId; outputs: Output[] } {
    return { ikeSaId: 0, outputs: [] };
  }
  sendEap(_now: number, _ikeSaId: IkeSaId, _packet: Uint8Array, _msk?: Uint8Array): Output[] {
    return [];
  }
  setMsk(_now: number, _ikeSaId: IkeSaId, _msk: Uint8Array): Output[] {
    return [];
  }
  failEap(_now: number, _ikeSaId: IkeSaId, _notifyType: number): Output[] {
    return [];
  }
  providePpk(_now: number, _ikeSaId: IkeSaId, _ppk: Ppk | undefined): Output[] {
    return [];
  }
  provideSharedSecret(_now: number, _ikeSaId: IkeSaId, _secret: Uint8Array | undefined): Output[] {
    return [];
  }
  createChildSa(_now: number, _ikeSaId: IkeSaId, _request: ChildSaRequest): Output[] {
    return [];
  }
  rekeyChildSa(_now: number, _ikeSaId: IkeSaId, _childSaId: number): Output[] {
    return [];
  }
  deleteChildSa(_now: number, _ikeSaId: IkeSaId, _childSaId: number): Output[] {
    return [];
  }
  deleteIkeSa(_now: number, _ikeSaId: IkeSaId): Output[] {
    return [];
  }
  checkLiveness(_now: number, _ikeSaId: IkeSaId): Output[] {
    return [];
  }
  ikeSas(): Iterable<IkeSaSummary> {
    return [];
  }
}
