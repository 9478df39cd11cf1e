import { createServer, type Server, type Socket } from 'node:net';
import { OperatorError } from '../errors.ts';
import type { NasConnections } from '../kernel/nwu.ts';
import { formatAddress, parseAddress } from '../userplane/address.ts';
import type { NasListenerPorts } from '../userplane/nas-listener.ts';

/** Octets that wait for a UE before its connection counts as stuck. */
const mostWaitingOctets = 1_048_576;

/** Where connections come from and where their events go. */
export interface NasServerPorts {
  /** The UE that has this inner address, as text. */
  ueAt(inner: string): number | undefined;
  readonly nas: Pick<NasListenerPorts, 'opened' | 'received' | 'closed'> | undefined;
}

/** NAS over the kernel's TCP: one connection per UE, known by the inner address that it comes from [TS24502 7.3A]. */
export class NasServer implements NasConnections {
  private readonly ports: NasServerPorts;
  private readonly servers: Server[] = [];
  private readonly connections = new Map<number, Socket>();

  constructor(ports: NasServerPorts) {
    this.ports = ports;
  }

  /** Listens at an inner address too. @throws OperatorError N3IWF_E_BIND when it cannot be had */
  listen(address: Uint8Array, port: number): Promise<void> {
    const host = formatAddress(address);
    const server = createServer({ noDelay: true }, (socket) => this.accept(socket));
    this.servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error) =>
        reject(
          new OperatorError(
            'N3IWF_E_BIND',
            `inner.nasPort: TCP ${host} port ${port} cannot be had: ${error.message}; choose another port`,
          ),
        ),
      );
      server.listen({ host, port }, () => {
        server.removeAllListeners('error');
        server.on('error', () => {}); // of one connection that could not be accepted
        resolve();
      });
    });
  }

  /** A stranger's connection is closed; a UE's new one takes the place of one that it has lost. */
  private accept(socket: Socket): void {
    socket.on('error', () => {}); // 'close' follows
    const octets = parseAddress(socket.remoteAddress ?? '');
    const ueId = octets === undefined ? undefined : this.ports.ueAt(formatAddress(octets));
    if (ueId === undefined) {
      socket.destroy();
      return;
    }
    this.remove(ueId);
    this.connections.set(ueId, socket);
    let reason = 'the connection broke';
    socket.on('data', (data) => {
      if (this.connections.get(ueId) === socket) this.ports.nas?.received(ueId, data);
    });
    socket.on('end', () => {
      reason = 'closed by the peer';
    });
    socket.on('close', () => {
      if (this.connections.get(ueId) !== socket) return;
      this.connections.delete(ueId);
      this.ports.nas?.closed(ueId, reason);
    });
    this.ports.nas?.opened(ueId);
  }

  /** Octets for a UE; lost when it has no connection, as with a connection that breaks. */
  send(ueId: number, octets: Uint8Array): void {
    const socket = this.connections.get(ueId);
    if (socket === undefined) return;
    if (socket.writableLength > mostWaitingOctets) socket.destroy();
    else socket.write(octets);
  }

  /** Ends a UE's connection without an event. */
  remove(ueId: number): void {
    const socket = this.connections.get(ueId);
    this.connections.delete(ueId);
    socket?.destroy();
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const ueId of [...this.connections.keys()]) this.remove(ueId);
  }
}
