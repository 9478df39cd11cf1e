/** A key manager of ETSI GS QKD 004 in memory, for tests of what reads its streams. */
import { createHash } from 'node:crypto';
import { type KeyStreamPort, Secret, STREAM_STATUS } from '#qkd';

/** Two ends of a key manager: each chunk is given once at each end. */
export class FakeManager {
  readonly calls: string[] = [];
  readonly given = new Set<string>();
  available = Number.POSITIVE_INFINITY;
  openStatus: number = STREAM_STATUS.ok;
  getStatus: number = STREAM_STATUS.ok;
  chunkOctets = 32;
  fails = false;
  #next = 0;

  at(end: string): KeyStreamPort {
    return {
      open: async (source, destination, _qos, streamId) => {
        this.calls.push(`${end} open ${source} ${destination} ${streamId}`);
        return this.openStatus;
      },
      getKey: async (streamId, wanted) => {
        if (this.fails) throw new Error('connect ECONNREFUSED');
        const index = wanted ?? this.#next++;
        const name = `${end} ${streamId} ${index}`;
        if (this.getStatus !== STREAM_STATUS.ok) return { status: this.getStatus, index };
        if (index >= this.available || this.given.has(name))
          return { status: STREAM_STATUS.insufficientKey, index };
        this.given.add(name);
        const digest = createHash('sha512')
          .update(`${streamId} ${index}`)
          .digest()
          .subarray(0, this.chunkOctets);
        return { status: STREAM_STATUS.ok, index, chunk: Secret.copyOf(digest) };
      },
      close: async (streamId) => {
        this.calls.push(`${end} close ${streamId}`);
        return STREAM_STATUS.ok;
      },
    };
  }
}
