import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkpointFile, checkpointSyslog, syslogMessage } from '../../../n3iwf/io/checkpoint-places.ts';

const folder = mkdtempSync(join(tmpdir(), 'places-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the places of checkpoints', () => {
  it('append to a file that not everybody may read', async () => {
    const path = join(folder, 'checkpoints');
    const place = checkpointFile(path);
    await place('one\n');
    await place('two\n');
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(path).mode & 0o027).toBe(0);
  });

  it('say when a file cannot be written', async () => {
    await expect(checkpointFile(join(folder, 'absent', 'file'))('one')).rejects.toThrow('ENOENT');
    await expect(checkpointFile('/dev/full')('one')).rejects.toThrow('ENOSPC');
  });

  it('[RFC5424 6] make one line of a checkpoint, for the facility of audits', () => {
    const at = new Date('2026-11-21T12:00:00.000Z');
    const message = syslogMessage('a\n1\nb\n', at);
    expect(message).toMatch(/^<109>1 2026-11-21T12:00:00\.000Z \S+ n3iwf \d+ checkpoint - "a\\n1\\nb\\n"$/);
  });

  it('[RFC5426 3.1] send it as one datagram', async () => {
    const server = createSocket('udp4');
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const received = once(server, 'message');
    await checkpointSyslog('127.0.0.1', server.address().port, () => new Date(0))('note\n');
    const [message] = (await received) as [Buffer];
    expect(message.toString()).toContain(' checkpoint - "note\\n"');
    server.close();
  });
});
